"""Fifty people upload at once while the workers are busy: are pages quick, is nothing lost, is memory flat?

    pip install -r requirements-load.txt
    python -m benchmarks.load --uploaders 50 --readers 10 --seconds 60

starts an installation of its own on 127.0.0.1 (PostgreSQL, Redis, gunicorn, workers, sweeper) and Locust
beside it, on the same machine. Afterwards every scan that was accepted must be a row that waits, runs or is
done. The status is 1 if one is not, if anything answered 5xx other than 503 with Retry-After, or if pages
were slow.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, installation
from tests.jobs.site import ROOT, free_port, wait_for
from tests.media import make_clip


def main() -> None:
    """Load the site, print a table in Markdown and the tally."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--uploaders", type=int, default=50)
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=200.0, help="of pages' 95th percentile, ms")
    options = parser.parse_args()
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
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(address), "the site answers", 120, pause=0.5)
        alive = "SELECT 1 FROM ml_app_worker"
        wait_for(lambda: len(here.query(alive)) >= options.workers, "the workers are ready", 120, pause=0.5)
        memory = _Memory(server.pid)
        sys.exit(_load(here, address, options, memory))


def _load(here: Installation, address: str, options: Any, memory: _Memory) -> int:
    clip = make_clip(here.folder / "load.mp4", seconds=2, fps=10)
    told = here.folder / "accepted.json"
    environment = {
        **os.environ,
        "LOAD_CLIP": str(clip),
        "LOAD_ACCEPTED": str(told),
        "LOAD_UPLOADERS": str(options.uploaders),
        "LOAD_READERS": str(options.readers),
    }
    people = options.uploaders + options.readers
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
    command += ["--host", address, "--csv", str(here.folder / "load"), "--stop-timeout", "20"]
    subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
    memory.stop()
    slow = _table(here.folder / "load_stats.csv", options.limit)
    accepted = set(json.loads(told.read_text()))
    rows = {str(pk): status for pk, status in here.query("SELECT id, status FROM ml_app_scan")}
    missing = accepted - set(rows)
    states = Counter(rows.values())
    print(f"\naccepted: {len(accepted)}; rows: {len(rows)} {dict(states)}; lost: {len(missing)}")
    print(f"memory of the web server, MB: first {memory.first}, most {memory.most}, last {memory.last}")
    pictures = [path.stat().st_size for path in (here.site.media / "scans").rglob("*.*")]
    done = max(1, states["done"])
    print(f"pictures of a scan: {len(pictures) / done:.0f}, together {sum(pictures) / done / 1000:.0f} kB")
    failures = _failures(here.folder / "load_failures.csv")
    print(f"failures: {failures or 'none'}")
    failed = sum(status == "failed" for status in rows.values())
    return int(bool(missing or failures or failed or slow))


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
            slow += row["Name"].startswith("page") and float(row["95%"]) > limit
    return slow


def _failures(file: Path) -> dict[str, int]:
    with file.open() as lines:
        rows = csv.DictReader(lines)
        return {f"{row['Name']}: {row['Error'][:120]}": int(row["Occurrences"]) for row in rows}


class _Memory:
    """Resident memory of a process and its children, in MB, every half second."""

    def __init__(self, pid: int) -> None:
        self._pid, self._over = pid, threading.Event()
        self.first = self.last = self.most = self._now()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.last = self._now()
            self.most = max(self.most, self.last)

    def _now(self) -> int:
        # Of the web server's own processes; those that probe one upload come and go.
        command = ["ps", "-o", "rss=,args=", "--ppid", str(self._pid), "--pid", str(self._pid)]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return sum(int(line.split()[0]) for line in lines if "gunicorn" in line) // 1024


def _answers(address: str) -> bool:
    command = ["curl", "--silent", "--output", "/dev/null", "--max-time", "2", f"{address}/healthz"]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    main()
