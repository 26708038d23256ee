"""Where the faces of one frame are: everywhere in it, or near where they were a moment before.

The detector is dlib's HOG detector (Dalal and Triggs, CVPR 2005; King, arXiv 1502.00046), which finds faces
from about 80 pixels up. Its cost grows with the pixels that it is given, so those are chosen with care. It
is taken from dlib directly, because face_recognition loads five models on import and hides the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ml_app.detection.faces.crops import Image
from ml_app.detection.findings import Box

SIDES = (640, 1280, 2560)  # long sides of the copies that are searched, from coarse to fine
SMALLEST = 56  # pixels on a copy: a face of this size is found, in a box of about 72
MAX_GROWTH = 4.0  # small frames are enlarged for the search, this much at most
NEAR_FACE = 86.0  # pixels that a face is given where it is looked for near its last place
NEAR_SIDE = 2.2  # of a face's size: side of the square that is searched about that place
NEAR_MOVE = 0.6  # of a face's size: found no further away than this it is the one that was looked for
NEAR_CLEAR = 0.3  # a face seen less clearly than this may be missing: it was often none
SAME = 0.3  # overlap of two boxes about one face
PART = 0.5  # of a box: so much within a larger one, it is about a part of that face
FAR_CLEARER = 2.0  # times the score of the larger one: then it is a face before it
_DETECTOR = Path(__file__).with_name("hog.dlib")


@dataclass(frozen=True, slots=True)
class Located:
    """A face of a frame. `box` in pixels of the image that was given, perhaps beyond it."""

    box: Box
    score: float  # of the detector; 0 is its threshold, a clear face has 1 and more
    roll: float = 0.0  # degrees clockwise from upright, -180..180, where the finder tells

    @property
    def turn(self) -> int:
        """Degrees clockwise by which the picture must be turned for this face to stand: 0, 90, 180 or 270."""
        return -round(self.roll / 90) * 90 % 360


def locate(image: Image, first: int, last: int) -> list[Located]:
    """Search the whole frame, on ever finer copies until somebody is found.

    Args:
        image: uint8 (H, W, 3), RGB or BGR, C-contiguous.
        first: With which of `SIDES` to begin.
        last: With which of `SIDES` to end while nobody is found.
    """
    longest = max(image.shape[:2])
    # A copy is enlarged so much at most; further ones would be as large.
    finest = next((i for i, side in enumerate(SIDES) if side >= longest * MAX_GROWTH), len(SIDES) - 1)
    located: list[Located] = []
    for level in range(min(first, finest), min(last, finest) + 1):
        located = _search(image, _growth(level, longest))
        if located:
            break
    return located


def locate_near(image: Image, expected: Sequence[Located]) -> list[Located] | None:
    """Search only about where faces are expected, each on a copy that shows it just large enough.

    Args:
        image: uint8 (H, W, 3), RGB or BGR, C-contiguous.
        expected: The faces of a frame shortly before.

    Returns:
        The faces, each once; None if one that was clear is no longer there.
    """
    candidates: list[Located] = []
    for face in expected:
        candidates += _search_about(image, face.box)
    located = without_doubles(candidates)
    for face in expected:
        if face.score >= NEAR_CLEAR and not any(moved_to(face.box, found.box) for found in located):
            return None
    return located


def detect(image: Image, upsample: int = 0) -> list[Located]:
    """The boxes of dlib's detector in its own order, on exactly this image enlarged `upsample` times."""
    rectangles, scores, _ = face_detector().run(image, upsample, 0.0)
    return [
        Located(Box(r.left(), r.top(), r.right(), r.bottom()), float(score))
        for r, score in zip(rectangles, scores, strict=True)
    ]


def needed_level(box: Box, longest: int) -> int:
    """Which of `SIDES` it takes to find a face of this size in a frame whose longer side is `longest`."""
    side = max(box.width, box.height)
    levels = range(len(SIDES))
    return next((level for level in levels if side * _growth(level, longest) >= SMALLEST), len(SIDES) - 1)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    both = _common(one, other)
    return both / (one.width * one.height + other.width * other.height - both) if both else 0.0


def _common(one: Box, other: Box) -> int:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0, width) * max(0, height)


def scaled(box: Box, factor: float) -> Box:
    """A box in pixels of an image that is `factor` times as large."""
    return Box(*(round(edge * factor) for edge in (box.left, box.top, box.right, box.bottom)))


@cache
def face_detector() -> Any:
    """dlib's detector, `get_frontal_face_detector`, loaded once in each process.

    From a copy that dlib wrote itself, `hog.dlib`: the one within the library is packed so tightly that each
    process would need a second of a core to unpack it, and this one needs two milliseconds.
    """
    import dlib  # noqa: PLC0415 - only where faces are looked for

    return dlib.fhog_object_detector(str(_DETECTOR))


def _growth(level: int, longest: int) -> float:
    return min(SIDES[level] / longest, MAX_GROWTH)


def _search(image: Image, factor: float) -> list[Located]:
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    copy: Image = image
    if size != (width, height):
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        copy = np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
    return [Located(scaled(found.box, 1 / factor), found.score) for found in detect(copy)]


def _search_about(image: Image, box: Box) -> list[Located]:
    height, width = image.shape[:2]
    side = max(box.width, box.height)
    reach = side * NEAR_SIDE / 2
    across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    left, right = max(0, round(across - reach)), min(width, round(across + reach))
    top, bottom = max(0, round(down - reach)), min(height, round(down + reach))
    if right - left < 2 or bottom - top < 2:
        return []
    factor = min(NEAR_FACE / side, MAX_GROWTH)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    return [Located(_shifted(found.box, left, top), found.score) for found in _search(part, factor)]


def _shifted(box: Box, across: int, down: int) -> Box:
    return Box(box.left + across, box.top + down, box.right + across, box.bottom + down)


def without_doubles(candidates: Iterable[Located]) -> list[Located]:
    """Each face once, clearest first: of several boxes about it the clearest, and none about a part of it.

    On a copy too fine for it, an eye and the nose, or mouth and chin, are found as a face of their own: on
    half of the frames of close-ups, half as large as the face and mostly within its box.
    """
    kept: list[Located] = []
    for found in sorted(candidates, key=lambda found: -found.score):
        if all(overlap(found.box, other.box) < SAME for other in kept):
            kept.append(found)
    return [found for found in kept if not any(_is_part(found, other) for other in kept)]


def _is_part(found: Located, other: Located) -> bool:
    """Whether a box is about a part of another face: smaller, half of it within, and not far clearer."""
    size = found.box.width * found.box.height
    if size >= other.box.width * other.box.height or found.score > FAR_CLEARER * other.score:
        return False
    return _common(found.box, other.box) >= PART * size


def moved_to(one: Box, other: Box) -> bool:
    across = (one.left + one.right - other.left - other.right) / 2
    down = (one.top + one.bottom - other.top - other.bottom) / 2
    return math.hypot(across, down) < NEAR_MOVE * max(one.width, one.height)
