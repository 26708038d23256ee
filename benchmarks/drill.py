"""The kill drill: processes of a running installation die at random moments, and every scan must end once.

    python -m benchmarks.drill --kills 100

starts the containers as a project of its own, uploads one short clip after another (each with bytes of its
own) through nginx, and meanwhile kills all processes of some container of web, worker, broker or database,
as a crash would; the engine starts it again. At the end it waits for the last scan and prints the tally. The
status is 1 if a scan was lost or doubled. Needs a Docker engine and root on its machine.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers.stack import Stack, find_engine
from tests.containers.visitor import Visitor, unique_copy
from tests.media import make_clip

# What is killed, and how often compared with the others
TARGETS = {"worker": 2, "web": 3, "database": 3, "broker": 3}
WAITING = 6  # scans that wait or run at a time: always some, never a queue that takes long to empty


@dataclass
class Uploads:
    """Uploads in the background, each repeated with the same bytes until the site says that it took it."""

    stack: Stack
    folder: Path
    clip: Path
    frames: int
    accepted: list[str] = field(default_factory=list)  # paths of scans
    tries: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        someone, number = Visitor(self.stack.address, self.folder, "drill"), 0
        while not self.over.is_set():
            if self._waiting() >= WAITING:
                self.over.wait(1.0)
                continue
            number += 1
            copy = unique_copy(self.clip, number, self.folder)
            while not (path := self._send(someone, copy)):
                time.sleep(0.5)
            self.accepted.append(path)
            copy.unlink()

    def _send(self, someone: Visitor, copy: Path) -> str:
        self.tries += 1
        return someone.upload(copy, frames=self.frames, seconds=60)

    def _waiting(self) -> int:
        try:
            return int(self.stack.sql(ACTIVE)[0][0])
        except (AssertionError, IndexError):  # the database is just being killed
            return WAITING


ACTIVE = "select count(*) from ml_app_scan where status in ('queued', 'running')"


def kill_some(stack: Stack, kills: int, pause: float, chance: random.Random) -> Counter[str]:
    """Kill containers that run, one after another. Returns how many of each service."""
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        time.sleep(chance.uniform(0.2, 2 * pause - 0.2))
        service = chance.choices(list(TARGETS), list(TARGETS.values()))[0]
        container = chance.choice(stack.containers(service) or [""])
        if container and stack.kill(container):
            killed[service] += 1
            print(f"{time.strftime('%H:%M:%S')} kill {killed.total():3} {service}", flush=True)
    return killed


@dataclass(frozen=True)
class Tally:
    """What became of the scans."""

    rows: list[tuple[str, str]]
    lost: int
    doubled: int

    def __str__(self) -> str:
        return "\n".join(
            f"| {name} | {value} |" for name, value in [("Drill", "Count"), ("---", "---"), *self.rows]
        )


def count(stack: Stack, uploads: Uploads, killed: Counter[str]) -> Tally:
    """Compare what the site accepted with what its database and its workers say."""
    ended = dict(stack.sql("select id, status from ml_app_scan where status not in ('queued', 'running')"))
    names = [path.split("/")[2] for path in uploads.accepted if path.startswith("/scans/")]
    lost = len(set(names) - ended.keys())
    twice = (
        "select count(*) from (select video_id from ml_app_scan group by video_id having count(*) > 1) as v"
    )
    done_lines = Counter(re.findall(r"\[scan ([0-9a-f-]{36})\] Done in", stack.logs("worker")))
    doubled = int(stack.sql(twice)[0][0]) + sum(lines > 1 for lines in done_lines.values())
    faces = (
        "select coalesce(sum(n - 1), 0) from (select count(*) as n from ml_app_face group by scan_id) as f"
    )
    doubled += int(stack.sql(faces)[0][0])  # the clip shows one person
    videos = int(stack.sql("select count(*) from ml_app_video")[0][0])
    attempts = stack.sql("select attempts, count(*) from ml_app_scan group by attempts order by attempts")
    failed = stack.sql(
        "select error_code, count(*) from ml_app_scan where status = 'failed' group by error_code"
    )
    rows = [
        ("Kills", f"{killed.total()} ({', '.join(f'{n} {name}' for name, n in sorted(killed.items()))})"),
        ("Uploads accepted", f"{len(uploads.accepted)} (after {uploads.tries} tries)"),
        ("Videos, scans in the database", f"{videos}, {len(ended)}"),
        ("Scans done", str(sum(status == "done" for status in ended.values()))),
        ("Scans failed", ", ".join(f"{n} {code}" for code, n in failed) or "0"),
        ("Scans by number of attempts", ", ".join(f"{n}: {scans}" for n, scans in attempts)),
        ("Scans lost", str(lost)),
        ("Scans doubled", str(doubled)),
        ("Files without a row, rows without a file", ", ".join(map(str, _files(stack)))),
    ]
    return Tally(rows, lost, doubled)


def _files(stack: Stack) -> tuple[int, int]:
    """After a sweep: pictures and videos on the disk that no row names, and the other way round."""
    stack.run_in("sweeper", "manage", "sweep", "--once")
    listed = stack.run_in("web", "sh", "-c", "cd /data/media && find . -type f")
    on_disk = {line.removeprefix("./") for line in listed.splitlines()}
    query = "select file from ml_app_video union select thumbnail from ml_app_faceframe"
    named = {row[0] for row in stack.sql(f"{query} union select heatmap from ml_app_faceframe")} - {""}
    return len(on_disk - named), len(named - on_disk)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pause", type=float, default=3.0, help="mean seconds between two kills")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-build", action="store_true", help="the images are there")
    options = parser.parse_args()
    find_engine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"WORKERS": options.workers, "MAX_ATTEMPTS": "30"}
        stack = Stack(folder, "deepfake-drill", UPLOAD_RATE="6000r/m", **settings)
        stack.close()
        try:
            if not options.no_build:
                stack.build()
            stack.up()
            tally = _drill(stack, folder, options)
        finally:
            stack.close()
    print(tally)
    return 1 if tally.lost or tally.doubled else 0


def _drill(stack: Stack, folder: Path, options: argparse.Namespace) -> Tally:
    clip = make_clip(folder / "person.mp4", seconds=1, people=1, fps=10)
    uploads = Uploads(stack, folder, clip, options.frames)
    thread = threading.Thread(target=uploads.run, daemon=True)
    thread.start()
    started = time.monotonic()
    killed = kill_some(stack, options.kills, options.pause, random.Random(options.seed))
    uploads.over.set()
    thread.join(600)
    print(
        f"{killed.total()} kills in {time.monotonic() - started:.0f} s; waiting for the last scans",
        flush=True,
    )
    stack.settled(900)
    return count(stack, uploads, killed)


if __name__ == "__main__":
    sys.exit(main())
