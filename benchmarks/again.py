"""Scans one after the other in a process that has warmed up as a worker does at its start.

python -m benchmarks.again clip.mp4 100 10
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.measure import cpu_of_family
from benchmarks.ours import DETECTOR, MODELS


def main(path: Path, count: int, scans: int) -> None:
    """Print the seconds of each scan as JSON: the processor's, with all child processes, and the clock's."""
    from ml_app.detection.faces import frame_faces
    from ml_app.detection.faces.pool.process_pool import shared_pool
    from ml_app.detection.pipeline import analyse
    from ml_app.detection.runtime.detector import Detector

    detector = Detector.load(MODELS, DETECTOR, count, "cpu")
    detector.warm_up()
    shared_pool().warm_up()
    shared_pool().submit(frame_faces.warm_up).result()  # a worker waits as well, for its first scan
    cpu, wall = [], []
    for _ in range(scans):
        started, used = time.monotonic(), cpu_of_family(os.getpid())
        analyse(path, detector, frames=count)
        wall.append(time.monotonic() - started)
        cpu.append(cpu_of_family(os.getpid()) - used)
    print(json.dumps({"cpu": cpu, "wall": wall}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
