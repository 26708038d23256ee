"""What one analysis cannot do without, each by itself: its floor.

python -m benchmarks.parts clip.mp4 100
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.ours import DETECTOR, MODELS
from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.faces.crops import Image
from ml_app.detection.video.opening import open_video

SEARCH_SIDE = 640


def decode(path: Path, count: int) -> list[Image]:
    """The sampled frames, uint8 (H, W, 3) RGB each."""
    with open_video(path) as video:
        return [frame.image for frame in video.frames(Sampling("even"), count)]


def search(frames: list[Image]) -> int:
    """dlib's HOG on a copy of every frame of 640 pixels, on one core; returns how many faces it found."""
    import dlib

    detector = dlib.get_frontal_face_detector()
    found = 0
    for frame in frames:
        scale = SEARCH_SIDE / max(frame.shape[:2])
        size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        found += len(detector(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), 0))
    return found


def main(path: str, count: int) -> None:
    """Print the seconds of each part as JSON."""
    seconds: dict[str, float] = {}
    last = time.monotonic()

    def ends(part: str) -> None:
        nonlocal last
        now = time.monotonic()
        seconds[part], last = now - last, now

    frames = decode(Path(path), count)
    ends("decode")
    found = search(frames)
    ends("hog")
    from ml_app.detection.runtime.detector import Detector

    detector = Detector.load(MODELS, DETECTOR, count, "cpu")
    detector.warm_up()
    ends("load")
    side = detector.preprocessing.image_size
    detector.embed([np.zeros((side, side, 3), dtype=np.uint8)] * count)
    ends("network")
    print(json.dumps({"seconds": seconds, "frames": len(frames), "faces": found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
