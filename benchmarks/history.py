"""A history of a hundred thousand scans on PostgreSQL: how long each page takes, and how many queries.

    python -m benchmarks.history --scans 100000 --users 1000 --teams 50

makes a private PostgreSQL (Debian's programs), fills it, asks each page through Django's own client (view,
queries and template; no network), first with a hundredth of the rows and then with all of them, and prints a
table in Markdown. The status is 1 if a page's 95th percentile is over --limit, or its number of queries grew.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

FRAMES = 10  # rows of FaceFrame for each scan
SHARE = 0.2  # of the scans that belong to one busy account
GIVEN = 0.6  # of an account's scans that it gives to one of its teams
TEAMS_OF_EACH = 3
WORDS = ("speech", "interview", "press", "rally", "clip", "statement", "upload", "leak", "debate", "studio")


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scans", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=20, help="of each page (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=200.0, help="milliseconds (default: %(default)s)")
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


@dataclass(frozen=True)
class People:
    """Who is there: the busy account first, and the teams of each account."""

    busy: Any
    staff: Any
    teams_of: dict[str, list[int]]  # by owner

    @property
    def owners(self) -> list[str]:
        """All accounts as owners."""
        return list(self.teams_of)


def _people(users: int, teams: int) -> People:
    from django.contrib.auth.models import User

    from ml_app.models import Membership, Role, Team

    chance = random.Random(1)
    User.objects.bulk_create(User(username=f"user{number}") for number in range(users))
    made = list(User.objects.order_by("pk"))
    numbers = [team.pk for team in Team.objects.bulk_create(Team(name=f"Desk {at}") for at in range(teams))]
    teams_of = {f"user:{user.pk}": chance.sample(numbers, min(TEAMS_OF_EACH, teams)) for user in made}
    Membership.objects.bulk_create(
        Membership(user=user, team_id=team, role=chance.choice(Role.values))
        for user in made
        for team in teams_of[f"user:{user.pk}"]
    )
    Membership.objects.filter(user=made[0]).update(role=Role.ADMINISTRATOR)
    return People(made[0], User.objects.create_superuser("staff"), teams_of)


def _measure(options: argparse.Namespace) -> int:
    scans = options.scans
    people = _people(options.users, options.teams)
    few = max(100, scans // 100)
    fill(few, 0, people)
    before = {name: row for name, *row in pages(people, 2)}
    started = time.monotonic()
    fill(scans - few, few, people)
    print(f"{options.users} accounts, {TEAMS_OF_EACH} of {options.teams} teams each. ", end="")
    print(f"{scans} scans, {scans * FRAMES} face rows, made in {time.monotonic() - started:.0f} s.")
    print(
        f"Database: {_bytes('ml_app_faceframe') / scans / FRAMES:.0f} bytes for a face in a frame, ", end=""
    )
    print(
        f"{(_bytes() - _bytes('ml_app_faceframe')) / scans:.0f} for the rest of a scan, indexes included.\n"
    )
    print("| Page | median, ms | 95th percentile, ms | queries | with a hundredth of the rows |")
    print("| --- | --- | --- | --- | --- |")
    worse = 0
    for name, milliseconds, queries in pages(people, options.repeats):
        usual, slow = statistics.median(milliseconds), sorted(milliseconds)[int(len(milliseconds) * 0.95)]
        print(f"| {name} | {usual:.0f} | {slow:.0f} | {queries} | {before[name][1]} |", flush=True)
        # A table that fits on one page is not cut into pages, which saves one.
        worse += slow > options.limit or queries > before[name][1] + 1
    return int(bool(worse))


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


def fill(count: int, start: int, people: People) -> None:
    """Add finished scans, each of a video of its own, with a face, its frames and now and then a review."""
    from django.db import connection
    from django.utils import timezone

    from ml_app.models import Face, Review, Scan, Video

    chance, now = random.Random(start), timezone.now()
    left = iter(range(start, start + count))
    while numbers := list(islice(left, 2000)):
        videos = [_video(number, chance, now, people) for number in numbers]
        Video.objects.bulk_create(videos)
        scans = [_scan(video, chance) for video in videos]
        Scan.objects.bulk_create(scans)
        Face.objects.bulk_create(
            Face(scan=scan, number=1, verdict=scan.verdict, evidence="weak", fake_probability=0.4)
            for scan in scans
            if scan.verdict
        )
        Review.objects.bulk_create(
            Review(scan=scan, reviewer=people.staff, decision=chance.choice(Review.Decision.values))
            for scan in scans[::20]
        )
    with connection.cursor() as cursor:
        cursor.execute(_FRAMES_OF_NEW_FACES, [FRAMES])
        cursor.execute("VACUUM ANALYZE")


# In the database: a million objects of Python would take minutes.
_FRAMES_OF_NEW_FACES = """
INSERT INTO ml_app_faceframe (face_id, time_s, "left", top, "right", bottom, fake_probability, sharpness,
                              brightness, thumbnail, heatmap)
SELECT face.id, n, 100, 80, 220, 200, 0.4, 80, 120, 'scans/' || face.scan_id || '/0/' || n || '.jpg', ''
FROM ml_app_face face, generate_series(1, %s) n
WHERE NOT EXISTS (SELECT 1 FROM ml_app_faceframe frame WHERE frame.face_id = face.id)
"""


def _video(number: int, chance: random.Random, now: Any, people: People) -> Any:
    from ml_app.models import Video

    owner = people.owners[0] if chance.random() < SHARE else chance.choice(people.owners)
    if chance.random() < SHARE:
        owner = f"visitor:{number % 5000}"
    teams = people.teams_of.get(owner)
    return Video(
        owner=owner,
        team_id=chance.choice(teams) if teams and chance.random() < GIVEN else None,
        original_name=f"{chance.choice(WORDS)}-{chance.choice(WORDS)}-{number:06d}.mp4",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        size=20_000_000,
        file=f"videos/{number}/original.mp4",
        uploaded_at=now - timedelta(minutes=number),
        duration_s=30.0,
        frame_rate=25.0,
        width=1280,
        height=720,
    )


def _scan(video: Any, chance: random.Random) -> Any:
    from ml_app.models import Scan

    common = {"video": video, "owner": video.owner, "team_id": video.team_id, "detector_name": "standard"}
    moments = {"created_at": video.uploaded_at, "finished_at": video.uploaded_at + timedelta(seconds=9)}
    frames = chance.choice((20, 40, 40, 40, 100))
    if chance.random() < 0.02:
        return Scan(**common, **moments, frame_count=frames, status="failed", error_code="decoder_timeout")
    return Scan(
        **common,
        **moments,
        frame_count=frames,
        status="done",
        verdict=chance.choice(("real", "fake", "uncertain", "uncertain", "not_analysable")),
        evidence="weak",
        fake_probability=chance.random(),
        threshold=0.5,
        uncertain_low=0.4,
        uncertain_high=0.6,
        frames_analysed=frames,
        frames_with_faces=frames,
        detector_sha256="ab" * 32,
        detector_version="1",
        seconds={"total": 4.2, "faces": 3.0, "network": 1.0},
    )


if __name__ == "__main__":
    main()
