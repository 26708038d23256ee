"""How long it takes to look at a file that was uploaded, and what it costs to start what looks at it.

    python -m benchmarks.probes [--number 20]

makes a clip and a picture of its own and prints a table in Markdown: a probe that starts the fork server
first, as each did before there was one, and one after it; medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from ml_app.detection.video import decoder_process
from ml_app.detection.video.opening import probe
from tests.media import make_clip


def main() -> None:
    """Make, probe, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--number", type=int, default=20, help="of probes of each file (default: %(default)s)"
    )
    options = parser.parse_args()
    print("| File | the server's start with it, ms | each further one, ms |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4", seconds=2, fps=10)
        picture = folder / "picture.jpg"
        Image.fromarray(np.full((600, 800, 3), 128, np.uint8)).save(picture)
        for path in (clip, picture):
            first = [_with_a_new_server(path) for _ in range(options.number)]
            further = [_timed(path) for _ in range(options.number)]
            print(f"| {path.name} | {statistics.median(first):.0f} | {statistics.median(further):.0f} |")


def _with_a_new_server(path: Path) -> float:
    decoder_process.stop()
    return _timed(path)


def _timed(path: Path) -> float:
    started = time.perf_counter()
    probe(path)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
