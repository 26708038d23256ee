"""The kill drill: processes of a running installation die at random moments, and every scan must end once.

    python -m benchmarks.drill --kills 100

starts the containers as a project of its own, uploads one short clip after another (each with bytes of its
own) through nginx, and meanwhile kills all processes of some container of web, worker, broker or database,
as a crash would; the engine starts it again. At the end it waits for the last scan and prints the tally. The
status is 1 if a scan was lost or doubled, and 2 if too few were done for that to say anything. Needs a
Docker engine and root on its machine.

In pieces, for a machine that is free for some minutes at a time: with `--keep FOLDER` the installation stays
and each further run adds to the tally; `docker compose -p deepfake-drill down -v` ends it.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.drill_tally import TARGETS, Record, Tally, count
from tests.containers.stack import Stack, find_engine, stack_from_nothing
from tests.containers.visitor import Visitor, unique_copy
from tests.jobs.site import wait_for
from tests.media import make_clip

WAITING = 8  # scans that wait or run at a time: always some, never a queue that takes long to empty
# What dies sooner than ten seconds after its start, the engine starts ever later, up to a minute.
SETTLED_SECONDS = 10.0
ENOUGH = 30  # scans: with fewer the drill proves nothing
ACTIVE = "select count(*) from ml_app_scan where status in ('queued', 'running')"


@dataclass
class Uploads:
    """Uploads in the background, each repeated with the same bytes until the site says that it took it."""

    stack: Stack
    folder: Path
    clip: Path
    frames: int
    record: Record
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `over` is set, and then until the last one was taken."""
        someone = Visitor(self.stack.address, self.folder, "drill")
        while not self.over.is_set():
            if self._waiting() >= WAITING:
                self.over.wait(1.0)
            else:
                self.send(someone)

    def send(self, someone: Visitor) -> None:
        """One clip, tried until it is taken."""
        started = time.monotonic()
        copy = unique_copy(self.clip, secrets.randbits(63), self.folder)
        while True:
            self.record.tries += 1
            # Of an upload whose answer was lost, the next try hears that the same file was sent before.
            if someone.upload(copy, frames=self.frames, seconds=60):
                break
            time.sleep(0.5)
        self.record.accepted.append(hashlib.sha256(copy.read_bytes()).hexdigest())
        self.record.longest_wait = max(self.record.longest_wait, time.monotonic() - started)
        copy.unlink()

    def _waiting(self) -> int:
        database = f"{self.stack.project}-database-1"
        command = ["docker", "exec", database, "psql", "-U", "site", "-d", "site", "-Atc", ACTIVE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return int(done.stdout) if done.stdout.strip().isdigit() else 0  # it is just being killed: try


def _has_run_for(container: str, seconds: float) -> bool:
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}}", container]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return False
    started = datetime.fromisoformat(done.stdout.strip()[:26].rstrip("Z") + "+00:00")
    return (datetime.now(UTC) - started).total_seconds() >= seconds


def kill_some(stack: Stack, kills: int, pause: float, chance: random.Random, record: Record) -> None:
    """Kill containers that run, one after another."""
    before = sum(record.kills.values())
    started = time.monotonic()
    while (number := sum(record.kills.values()) - before) < kills:
        time.sleep(chance.uniform(0.2, 2 * pause - 0.2))
        service = chance.choices(list(TARGETS), list(TARGETS.values()))[0]
        container = chance.choice(stack.containers(service) or [""])
        if container and _has_run_for(container, SETTLED_SECONDS) and stack.kill(container):
            record.kills[service] += 1
            taken = len(record.accepted)
            print(f"{time.strftime('%H:%M:%S')} kill {number + 1:3} {service:8} {taken} taken", flush=True)
    record.seconds += time.monotonic() - started


def drill(stack: Stack, folder: Path, options: argparse.Namespace) -> Tally:
    """Upload and kill, wait for the last scan, and count."""
    record = Record.read(folder)
    clip = make_clip(folder / "person.mp4", seconds=1, people=1, size=(320, 240), fps=10)
    uploads = Uploads(stack, folder, clip, options.frames, record)
    uploads.send(Visitor(stack.address, folder, "drill"))  # from now on the visitor has a session
    thread = threading.Thread(target=uploads.run, daemon=True)
    thread.start()
    chance = random.Random(options.seed + sum(record.kills.values()))
    try:
        kill_some(stack, options.kills, options.pause, chance, record)
    finally:
        uploads.over.set()
        thread.join(600)
        record.write(folder)
    print("No more kills; waiting for the last scans", flush=True)
    wait_for(lambda: _answers(stack), "the database answers", 300, pause=2)
    stack.settled(900)
    return count(stack, record)


def _answers(stack: Stack) -> bool:
    try:
        return bool(stack.sql("select 1"))
    except AssertionError:  # the engine has not started it again yet
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pause", type=float, default=8.0, help="mean seconds between two kills")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="go on with the drill of this folder")
    parser.add_argument("--no-build", action="store_true", help="the images are there")
    options = parser.parse_args()
    find_engine()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"WORKERS": options.workers, "MAX_ATTEMPTS": "30", "LEASE_SECONDS": "15"}
        settings |= {"UPLOAD_RATE": "6000r/m", "QUEUE_LIMIT": "0"}
        with stack_from_nothing(
            folder,
            "deepfake-drill",
            fresh=not (folder / "record.json").exists(),
            build=not options.no_build,
            keep=bool(options.keep),
            **settings,
        ) as stack:
            tally = drill(stack, folder, options)
    print(tally)
    if tally.lost or tally.doubled or tally.astray:
        return 1
    return 2 if tally.done < ENOUGH else 0


if __name__ == "__main__":
    sys.exit(main())
