"""How many scans a minute 1, 2 and 3 workers get through, and how much of their time is not the detector's.

    python -m benchmarks.throughput --clips 60 --workers 1 2 3 [--containers]

Each round: an installation of its own (PostgreSQL, Redis), a batch by `manage.py enqueue`, then the workers.
With --containers it is that of docker-compose.yml, and a worker is a container; this needs a Docker engine.
The clock runs from the moment when the last worker has begun its first scan to the end of the last scan. The
share outside of the detector is that until the last scan begins: all that time every worker has work.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import installation
from tests.containers.stack import find_engine, stack_from_nothing
from tests.containers.visitor import unique_copy
from tests.media import make_clip

_ENDED = (
    "SELECT started_at, finished_at, (seconds->>'total')::float, status FROM ml_app_scan "
    "WHERE finished_at IS NOT NULL ORDER BY finished_at"
)


def main() -> None:
    """Measure each number of workers and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a clip (default: %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--containers", action="store_true")
    options = parser.parse_args()
    if options.containers:
        find_engine()
    print(
        f"{options.clips} clips of {options.seconds:g} s at 480x270, {options.frames} frames each, ", end=""
    )
    print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}\n")
    print("| workers | scans a minute | efficiency | seconds a scan in the detector | outside of it | lost |")
    print("| --- | --- | --- | --- | --- | --- |")
    alone = 0.0
    for workers in options.workers:
        rows = (_containers if options.containers else _processes)(workers, options)
        rate, detector, outside, lost = _figures(workers, rows)
        alone = alone or rate / workers
        share = rate / workers / alone
        print(
            f"| {workers} | {rate:.1f} | {share:.0%} | {detector:.2f} | {outside:.1%} | {lost} |", flush=True
        )


Row = tuple[Any, ...]  # what _ENDED asks for


def _processes(workers: int, options: argparse.Namespace) -> list[Row]:
    with installation() as here:
        folder = here.clips(options.clips, seconds=options.seconds, fps=10, size=(480, 270))
        here.manage("enqueue", str(folder), "--frames", str(options.frames))
        for _ in range(workers):
            here.site.worker()
        while len(rows := here.query(_ENDED)) < options.clips:
            time.sleep(1)
    return rows


def _containers(workers: int, options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder, clips = Path(name), Path(name) / "clips"
        clips.mkdir()
        folder.chmod(0o755)  # the site's user in the container reads them
        clip = make_clip(folder / "clip.mp4", seconds=options.seconds, fps=10, size=(480, 270))
        for number in range(options.clips):
            unique_copy(clip, number, clips)
        start = ["deepfake-throughput", "--scale", "worker=0"]
        with stack_from_nothing(folder, *start, BATCH_QUEUE_LIMIT="0") as stack:
            enqueue = ["manage", "enqueue", "/clips", "--frames", str(options.frames)]
            stack.compose("run", "--rm", "-T", "--volume", f"{clips}:/clips:ro", "tools", *enqueue)
            stack.up("--scale", f"worker={workers}")
            stack.settled(3600)
            rows = stack.sql(_ENDED)
    moment = datetime.fromisoformat
    return [(moment(start), moment(end), float(total or 0), status) for start, end, total, status in rows]


def _figures(workers: int, rows: list[Row]) -> tuple[float, float, float, int]:
    """Scans a minute, mean seconds in the detector, share of the time outside of it, scans not done."""
    starts = sorted(row[0] for row in rows)
    begun, dry = starts[workers - 1], starts[-1]
    counted = [row for row in rows if row[0] >= begun]
    window = (rows[-1][1] - begun).total_seconds()
    inside = 0.0
    for start, _, seconds, _ in rows:
        end = start + timedelta(seconds=seconds or 0.0)
        inside += max(0.0, (min(end, dry) - max(start, begun)).total_seconds())
    outside = 1 - inside / ((dry - begun).total_seconds() * workers)
    detector = sum(row[2] or 0.0 for row in counted) / len(counted)
    return len(counted) / window * 60, detector, outside, sum(row[3] != "done" for row in rows)


if __name__ == "__main__":
    main()
