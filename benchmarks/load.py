"""Fifty people upload at once while the workers are busy: are pages quick, is nothing lost, is memory flat?

    pip install -r requirements-load.txt
    python -m benchmarks.load --uploaders 50 --readers 10 --seconds 60 [--containers]
    python -m benchmarks.load --uploaders 0 --readers 0 --clients 50   # programs with tokens, over the API

starts an installation of its own on 127.0.0.1 (PostgreSQL, Redis, gunicorn, workers, sweeper) and Locust
beside it, on the same machine. With --containers it is that of docker-compose.yml, and people come through
nginx; this needs a Docker engine and root on its machine. Afterwards every scan that was accepted must be a
row that waits, runs or is done. The status is 1 if one is not, if anything answered 5xx other than 503 with
Retry-After, or if pages, or answers of the API to anything but a file, were slow.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.installation import installation
from tests.containers.stack import find_engine, stack_from_nothing
from tests.jobs.site import ROOT, free_port
from tests.media import make_clip
from tests.waiting import wait_for

_ALIVE = "SELECT 1 FROM ml_app_worker"
_TOKENS = """
from django.contrib.auth.models import User
from ml_app.services.tokens import create_token
for number in range({clients}):
    user = User.objects.create_user(f"client{{number}}")
    print("token", create_token(user=user, scope="write")[1])
"""


def main() -> None:
    """Load the site, print a table in Markdown and the tally."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--uploaders", type=int, default=50)
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--clients", type=int, default=0, help="programs that use the API")
    parser.add_argument("--pause", type=float, default=1.0, help="of a program between two turns, seconds")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=200.0, help="of 95th percentiles, ms")
    parser.add_argument("--containers", action="store_true")
    options = parser.parse_args()
    with (_containers if options.containers else _processes)(options) as site:
        wait_for(lambda: _answers(site.address), "the site answers", 120, pause=0.5)
        wait_for(lambda: len(site.query(_ALIVE)) >= options.workers, "the workers are ready", 120, pause=0.5)
        sys.exit(_load(site, options))


@dataclass(frozen=True, slots=True)
class _Site:
    """A site that runs, and how to look into it."""

    folder: Path
    address: str
    web: int  # the process above those of the web server
    query: Callable[[str], list[Any]]
    pictures: Callable[[], list[int]]  # sizes of all pictures of faces, bytes
    manage: Callable[..., str]  # run `manage.py`


@contextmanager
def _processes(options: argparse.Namespace) -> Iterator[_Site]:
    port = free_port()
    web = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_PROCESSES": "2", "WEB_THREADS": "32"}
    with installation(**web) as here:
        here.manage("collectstatic", "--no-input")
        for _ in range(options.workers):
            here.site.worker()
        here.site.start("sweeper", "manage.py", "sweep")
        server = here.site.start(
            "web", "-m", "gunicorn", "-c", "deepfake_site/gunicorn.py", "deepfake_site.wsgi"
        )
        scans = here.site.media / "scans"
        yield _Site(
            here.folder,
            f"http://127.0.0.1:{port}",
            server.pid,
            here.query,
            lambda: [path.stat().st_size for path in scans.rglob("*.*")],
            here.manage,
        )


@contextmanager
def _containers(options: argparse.Namespace) -> Iterator[_Site]:
    find_engine()
    # All people come from one address here, which nginx would rightly slow down.
    settings = {"UPLOAD_RATE": "60000r/m", "UPLOADS_AT_ONCE": "1000", "WORKERS": str(options.workers)}
    if limit := os.environ.get("QUEUE_LIMIT"):
        settings["QUEUE_LIMIT"] = limit
    sizes = "find /data/media/scans -type f -printf '%s\n'"
    with (
        tempfile.TemporaryDirectory() as name,
        stack_from_nothing(Path(name), "deepfake-load", **settings) as stack,
    ):
        yield _Site(
            Path(name),
            stack.address,
            int(stack.inspect("web")["State"]["Pid"]),
            stack.sql,
            lambda: [int(size) for size in stack.run_in("web", "sh", "-c", sizes).split()],
            lambda *arguments: stack.run_in("web", "python", "manage.py", *arguments),
        )


def _load(site: _Site, options: argparse.Namespace) -> int:
    clip = make_clip(site.folder / "load.mp4", seconds=2, fps=10)
    told = site.folder / "accepted.json"
    environment = {
        **os.environ,
        "LOAD_CLIP": str(clip),
        "LOAD_ACCEPTED": str(told),
        "LOAD_UPLOADERS": str(options.uploaders),
        "LOAD_READERS": str(options.readers),
        "LOAD_PAUSE": str(options.pause),
        "LOAD_TOKENS": json.dumps(_tokens(site, options.clients)),
    }
    people = options.uploaders + options.readers + options.clients
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "benchmarks/locustfile.py",
        "--headless",
        "--only-summary",
    ]
    command += ["--users", str(people), "--spawn-rate", "10", "--run-time", f"{options.seconds}s"]
    command += ["--host", site.address, "--csv", str(site.folder / "load"), "--stop-timeout", "20"]
    memory = _Memory(site.web)
    subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
    memory.stop()
    slow = _table(site.folder / "load_stats.csv", options.limit)
    accepted = set(json.loads(told.read_text()))
    rows = {str(pk): status for pk, status in site.query("SELECT id, status FROM ml_app_scan")}
    missing = accepted - set(rows)
    states = Counter(rows.values())
    print(f"\naccepted: {len(accepted)}; rows: {len(rows)} {dict(states)}; lost: {len(missing)}")
    print(f"memory of the web server, MB: {memory.quarters()}")
    pictures = site.pictures()
    done = max(1, states["done"])
    print(f"pictures of a scan: {len(pictures) / done:.0f}, together {sum(pictures) / done / 1000:.0f} kB")
    failures = _failures(site.folder / "load_failures.csv")
    print(f"failures: {failures or 'none'}")
    failed = sum(status == "failed" for status in rows.values())
    return int(bool(missing or failures or failed or slow))


def _tokens(site: _Site, clients: int) -> list[str]:
    said = site.manage("shell", "-c", _TOKENS.format(clients=clients)) if clients else ""
    return [line.removeprefix("token ") for line in said.splitlines() if line.startswith("token ")]


def _table(file: Path, limit: float) -> int:
    print(
        "| Request | number | median, ms | 95th percentile, ms | a second |\n| --- | --- | --- | --- | --- |"
    )
    slow = 0
    with file.open() as lines:
        for row in csv.DictReader(lines):
            if row["Name"] == "Aggregated":
                continue
            count, rate = row["Request Count"], float(row["Requests/s"])
            print(f"| {row['Name']} | {count} | {row['50%']} | {row['95%']} | {rate:.1f} |")
            slow += row["Name"].startswith(("page", "api: GET")) and float(row["95%"]) > limit
    return slow


def _failures(file: Path) -> dict[str, int]:
    with file.open() as lines:
        rows = csv.DictReader(lines)
        return {f"{row['Name']}: {row['Error'][:120]}": int(row["Occurrences"]) for row in rows}


class _Memory:
    """Resident memory of the web server's processes, in MB, every half second."""

    def __init__(self, pid: int) -> None:
        self._top, self._over = psutil.Process(pid), threading.Event()
        self._samples = [self._now()]
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def quarters(self) -> str:
        """In words: at the start, the most of each quarter of the time, at the end."""
        length = -(-len(self._samples) // 4)
        most = [max(self._samples[at : at + length]) for at in range(0, len(self._samples), length)]
        return f"first {self._samples[0]}, most of each quarter {most}, last {self._samples[-1]}"

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._samples.append(self._now())

    def _now(self) -> int:
        # Of the web server's own processes; those that probe one upload come and go.
        size = 0
        for process in [self._top, *self._top.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                if any("gunicorn" in part for part in process.cmdline()):
                    size += process.memory_info().rss
        return size // 2**20


def _answers(address: str) -> bool:
    command = ["curl", "--silent", "--output", "/dev/null", "--max-time", "2", f"{address}/healthz"]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    main()
