"""How many scans a minute 1, 2 and 3 workers get through, and how much of their time is not the detector's.

    python -m benchmarks.throughput --clips 60 --workers 1 2 3

Each round: an installation of its own (PostgreSQL, Redis), a batch by `manage.py enqueue`, then the workers.
The clock runs from the moment when the last worker has begun its first scan to the end of the last scan.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from benchmarks.installation import installation

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
    options = parser.parse_args()
    print(
        f"{options.clips} clips of {options.seconds:g} s at 480x270, {options.frames} frames each, ", end=""
    )
    print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}\n")
    print("| workers | scans a minute | efficiency | seconds a scan in the detector | outside of it | lost |")
    print("| --- | --- | --- | --- | --- | --- |")
    alone = 0.0
    for workers in options.workers:
        rate, detector, outside, lost = _round(workers, options)
        alone = alone or rate / workers
        share = rate / workers / alone
        print(
            f"| {workers} | {rate:.1f} | {share:.0%} | {detector:.2f} | {outside:.1%} | {lost} |", flush=True
        )


def _round(workers: int, options: Any) -> tuple[float, float, float, int]:
    """Scans a minute, mean seconds in the detector, share of the time outside of it, scans not done."""
    with installation() as here:
        folder = here.clips(options.clips, seconds=options.seconds, fps=10, size=(480, 270))
        here.manage("enqueue", str(folder), "--frames", str(options.frames))
        for _ in range(workers):
            here.site.worker()
        while len(rows := here.query(_ENDED)) < options.clips:
            time.sleep(1)
    begun = sorted(row[0] for row in rows)[workers - 1]
    counted = [row for row in rows if row[0] >= begun]
    window = (rows[-1][1] - begun).total_seconds()
    detector = sum(row[2] or 0.0 for row in counted)
    lost = sum(row[3] != "done" for row in rows)
    outside = 1 - detector / (window * workers)
    return len(counted) / window * 60, detector / len(counted), outside, lost


if __name__ == "__main__":
    main()
