"""Whether a video that lies on its side is noticed and one that stands left alone, on clips of one face.

    .venv/bin/python -m benchmarks.turns FOLDER [--every 10]

Each clip is shown four ways up; four of its frames say which way that is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.faces import upright
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.finder import finder
from ml_app.detection.video.opening import open_video

FRAMES = 4


def told(image: Image) -> int | None:
    """How a frame must be turned, by its clearest face."""
    found = finder("blazeface").everywhere(image, 1, 1)
    return upright.turn_of(image, max(found, key=lambda face: face.score)) if found else None


def main() -> None:
    """Print how many clips were told rightly, and the others by name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take one of so many clips")
    options = parser.parse_args()
    right, others = dict.fromkeys((0, 90, 180, 270), 0), []
    paths = sorted(options.folder.glob("*.mp4"))[:: options.every]
    for path in paths:
        with open_video(path) as video:
            images = [frame.image for frame in video.frames(Sampling("even"), FRAMES)]
        for turn in right:
            said = [told(np.ascontiguousarray(np.rot90(image, k=turn // 90))) for image in images]
            right[turn] += upright.agreed(said) == turn
            others += [] if upright.agreed(said) == turn else [f"{path.name}, turned by {turn}: {said}"]
    print(f"of {len(paths)} clips, by how they must be turned: {right}")
    print("\n".join(others))


if __name__ == "__main__":
    main()
