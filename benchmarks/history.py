"""A history of a hundred thousand scans on PostgreSQL: how long each page takes, and how many queries.

    python -m benchmarks.history --scans 100000 --users 1000 --teams 50

makes a private PostgreSQL (Debian's programs), fills it, asks each page through Django's own client (view,
queries and template; no network), first with a hundredth of the rows and then with all of them, and prints a
table in Markdown. The status is 1 if a page's 95th percentile is over --limit, or its number of queries grew.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.history_rows import FRAMES, TEAMS_OF_EACH, People, fill, make_people

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGINNING, END = "<!-- history -->", "<!-- end of history -->"


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scans", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=40, help="of each page (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=200.0, help="milliseconds (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="the table into docs/performance.md as well")
    options = parser.parse_args()
    from tests.postgresql import Server

    server = Server()
    try:
        with tempfile.TemporaryDirectory() as folder:
            _set_up(server.url(server.new_database()), folder)
            sys.exit(_measure(options))
    finally:
        server.stop()


def _set_up(url: str, folder: str) -> None:
    os.environ |= {
        "DATABASE_URL": url,
        "DATA_DIR": f"{folder}/data",
        "MEDIA_ROOT": f"{folder}/media",
        "STATIC_ROOT": f"{folder}/static",
        "DJANGO_SETTINGS_MODULE": "deepfake_site.settings",
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def _measure(options: argparse.Namespace) -> int:
    scans = options.scans
    people = make_people(options.users, options.teams)
    few = max(100, scans // 100)
    fill(few, 0, people)
    before = {name: row for name, *row in pages(people, 2)}
    started = time.monotonic()
    fill(scans - few, few, people)
    print(f"Made in {time.monotonic() - started:.0f} s.")
    frames = _bytes("ml_app_faceframe")
    lines = [
        f"{options.users:,} accounts, {TEAMS_OF_EACH} of {options.teams} teams each; {scans:,} scans with "
        f"{scans * FRAMES:,} face rows, their cases, batches, notices and entries of the audit log. In the "
        f"database: {frames / scans / FRAMES:.0f} bytes for a face in a frame, "
        f"{(_bytes() - frames) / scans:,.0f} for the rest of a scan, indexes included.",
        "",
        "| Page | Median, ms | 95th percentile, ms | Queries | With a hundredth of the rows |",
        "| --- | --- | --- | --- | --- |",
    ]
    worse, load = 0, [os.getloadavg()[0]]
    for name, milliseconds, queries in pages(people, options.repeats):
        usual, slow = statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[-1]
        lines.append(f"| {name} | {usual:.0f} | {slow:.0f} | {queries} | {before[name][1]} |")
        print(lines[-1], flush=True)
        load.append(os.getloadavg()[0])
        # A table that fits on one page is not cut into pages, which saves one.
        worse += slow > options.limit or queries > before[name][1] + 1
    # With more to run than there are cores, times are waiting; queries are what they are.
    lines[0] += f" {statistics.mean(load):.1f} processes ran or waited for {os.cpu_count()} cores meanwhile."
    print("\n".join(lines[:2]))
    if options.write:
        _write("\n".join(lines))
    return int(bool(worse))


def _write(table: str) -> None:
    before, rest = PAGE.read_text().split(BEGINNING)
    PAGE.write_text(f"{before}{BEGINNING}\n\n{table}\n\n{END}{rest.split(END)[1]}")


def _bytes(table: str = "") -> int:
    """Of a table with its indexes, or of the whole database."""
    from django.db import connection

    what = "pg_total_relation_size(%s)" if table else "pg_database_size(current_database())"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {what}", [table] if table else [])
        return int(cursor.fetchone()[0])


def pages(people: People, repeats: int) -> Iterator[tuple[str, list[float], int]]:
    """Each page's name, its times in milliseconds, and its number of queries."""
    from django.test import Client

    from ml_app.models import Scan

    me = people.owners[0]
    team = people.teams_of[me][0]
    mine = Scan.objects.filter(owner=me, status="done").order_by("created_at")
    theirs = Scan.objects.filter(team=team, status="done").exclude(owner=me)
    seen = Scan.objects.filter(team__in=people.teams_of[me]).count()
    scan, old = mine[10], mine[5]
    digest = scan.video.sha256
    owner, desk = Client(headers={"host": "127.0.0.1"}), Client(headers={"host": "127.0.0.1"})
    owner.force_login(people.busy)
    desk.force_login(people.staff)
    table = "/admin/ml_app/scan/"
    for name, client, address in (
        ("first page", owner, "/"),
        ("my scans", owner, "/scans/"),
        ("my scans, the middle page", owner, f"/scans/?page={mine.count() // 50 + 1}"),
        ("my scans, part of a name", owner, "/scans/?name=ebat"),
        ("my scans, a name that is not there", owner, "/scans/?name=nowhere"),
        ("my scans, verdict and days", owner, "/scans/?verdict=fake&since=2026-01-01"),
        ("a team's scans", owner, f"/scans/?whose={team}"),
        ("a team's scans, the last page", owner, f"/scans/?whose={team}&page=last"),
        ("a team's scans, part of a name", owner, f"/scans/?whose={team}&name=ebat"),
        ("a team's scans, verdict", owner, f"/scans/?whose={team}&verdict=fake"),
        ("all that I see", owner, "/scans/?whose=all"),
        ("all that I see, the middle page", owner, f"/scans/?whose=all&page={seen // 50 + 1}"),
        ("all that I see, part of a name", owner, "/scans/?whose=all&name=ebat"),
        ("all that I see, verdict and days", owner, "/scans/?whose=all&verdict=fake&since=2026-01-01"),
        ("everybody's, as staff", desk, "/scans/?whose=all"),
        ("a teammate's scan", owner, f"/scans/{(theirs.first() or scan).pk}/"),
        ("my batches", owner, "/batches/"),
        ("API: my batches", owner, "/api/v1/batches"),
        ("my notices", owner, "/notices/"),
        ("my notices, the last page", owner, "/notices/?page=last"),
        ("how I am told", owner, "/notices/settings/"),
        ("my teams", owner, "/teams/"),
        ("a team's page", owner, f"/teams/{team}/"),
        ("a team's settings", owner, f"/teams/{team}/settings/"),
        ("review: my teams' queue", owner, "/review/"),
        ("review: a team's queue", owner, f"/review/?team={team}"),
        ("review: my teams' figures", owner, "/review/figures/"),
        ("review: the queue, as staff", desk, "/review/"),
        ("review: the queue, verdict", desk, "/review/?verdict=fake"),
        ("review: the queue, the oldest", desk, "/review/?order=oldest"),
        ("review: a team's queue, as staff", desk, f"/review/?team={team}"),
        ("review: figures, as staff", desk, "/review/figures/"),
        ("audit log", desk, "/audit/"),
        ("audit log, of one scan", desk, f"/audit/?about={scan.pk}"),
        ("notices, as staff", desk, "/notices/"),
        ("API: my teams", owner, "/api/v1/me"),
        ("API: a team's scans", owner, f"/api/v1/scans?team={team}"),
        ("API: all that I see", owner, "/api/v1/scans?mine=false"),
        ("a scan", owner, f"/scans/{scan.pk}/"),
        ("a video", owner, f"/videos/{old.video_id}/"),
        ("desk: list", desk, table),
        ("desk: the middle page", desk, f"{table}?p={Scan.objects.count() // 100}"),
        ("desk: part of a name", desk, f"{table}?q=ebat"),
        ("desk: a name of one file", desk, f"{table}?q={scan.video.original_name}"),
        ("desk: beginning of a hash", desk, f"{table}?q={digest[:16]}"),
        ("desk: number of a scan", desk, f"{table}?q={scan.pk}"),
        ("desk: verdict", desk, f"{table}?verdict__exact=fake"),
        ("desk: not reviewed", desk, f"{table}?reviewed=no"),
        ("desk: confirmed fake", desk, f"{table}?reviewed=confirmed_fake"),
        ("desk: detector and frames", desk, f"{table}?detector_name=standard&frame_count=40"),
        ("desk: a scan", desk, f"{table}{scan.pk}/change/"),
    ):
        yield name, *_ask(client, address, repeats)


def _ask(client: Any, address: str, repeats: int) -> tuple[list[float], int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    number = len(queries)  # now: the next request begins the log anew
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.headers}"
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        client.get(address)
        times.append((time.perf_counter() - started) * 1000)
    return times, number


if __name__ == "__main__":
    main()
