"""How far crops and scores move from one finder of faces to the other, on clips cut to one face each.

    .venv/bin/python -m benchmarks.crop_moves FOLDER [--frames 10] [--every 1]

For each clip the clearest face of each sampled frame is found by HOG and by BlazeFace. Their landmarks give
the squares that are cut out, whose overlap is measured; the detector that ships scores the crops of both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.ours import DETECTOR, MODELS
from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces import crops, frame_faces
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import overlap
from ml_app.detection.faces.finder import FinderName, finder
from ml_app.detection.findings import Box
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated, decide
from ml_app.detection.video.opening import open_video

FRAMES = 10
NAMES: tuple[FinderName, FinderName] = ("hog", "blazeface")


def square(image: Image, name: FinderName, preprocessing: Preprocessing) -> Box | None:
    """Where the clearest face of a frame is cut out, by a finder; None if it finds none."""
    found = finder(name).everywhere(image, 0, 1)
    if not found:
        return None
    landmarks = frame_faces._landmarks(image, max(found, key=lambda face: face.score).box)
    points = np.array([(p.x, p.y) for p in landmarks.parts()], dtype=np.float32)
    return crops.landmark_square(points, preprocessing.margin)


def moves(path: Path, detector: Detector, count: int) -> tuple[list[float], list[float], int]:
    """Overlaps by frame, the clip's probability by finder, and the frames in which one found nobody."""
    with open_video(path) as video:
        images = [frame.image for frame in video.frames(detector.sampling, count)]
    squares = [[square(image, name, detector.preprocessing) for name in NAMES] for image in images]
    both = [(image, *pair) for image, pair in zip(images, squares, strict=True) if None not in pair]
    if not both:
        return [], [], len(images)
    size = detector.preprocessing.image_size
    cut = [[crops.crop(image, pair[i], size) for image, *pair in both] for i in range(len(NAMES))]
    scores = [calibrated(person.person, detector.calibration) for person in detector.score(cut)]
    return [overlap(one, other) for _, one, other in both], scores, len(images) - len(both)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--every", type=int, default=1, help="take one of so many clips")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    detector = Detector.load(MODELS, DETECTOR, options.frames, "cpu")
    overlaps: list[float] = []
    scores: list[list[float]] = []
    missed, changed = 0, []
    for path in sorted(options.folder.glob("*.mp4"))[:: options.every]:
        shared, both, lost = moves(path, detector, options.frames)
        overlaps += shared
        missed += lost
        if both:
            scores.append(both)
            verdicts = [decide(score, detector.decision).verdict for score in both]
            if len(set(verdicts)) > 1:
                changed.append(f"{path.name}: {both[0]:.2f} {verdicts[0]}, then {both[1]:.2f} {verdicts[1]}")
    _report(np.array(overlaps), np.diff(np.array(scores))[:, 0], missed, changed)


def _report(
    overlaps: npt.NDArray[np.float64], moved: npt.NDArray[np.float64], missed: int, changed: list[str]
) -> None:
    low = np.percentile(overlaps, (50, 10, 5))
    print(f"{len(overlaps)} crops: overlap {low[0]:.3f}, 10 % below {low[1]:.3f}, 5 % {low[2]:.3f}")
    print(f"{missed} frames in which one of them found nobody")
    far = np.percentile(np.abs(moved), (50, 90, 95))
    print(f"{len(moved)} clips: probability moves {far[0]:.3f}, 10 % {far[1]:.3f}, 5 % {far[2]:.3f}")
    print(f"on average by {moved.mean():+.4f}; other verdicts: {len(changed)}")
    print("\n".join(changed))


if __name__ == "__main__":
    main()
