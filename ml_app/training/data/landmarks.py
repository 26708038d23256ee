"""Find a face and its 68 landmarks, quickly: for preparing tens of thousands of pictures on a few cores."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image, landmark_square
from ml_app.detection.faces.detect import face_detector
from ml_app.detection.findings import Box

Landmarks = npt.NDArray[np.float32]

SEARCH_SIDE = 640  # long side of the copy that is searched when nothing is known
MAX_GROWTH = 2.5
FACE_SIDE = 110  # faces are searched at about this size near where they were before; dlib needs 80 px
BORDER = 0.15  # added to pictures that are a face already: HOG wants some background around it


@cache
def _predictor() -> Any:
    import dlib  # noqa: PLC0415

    # Found without importing the package, which would import pkg_resources and warn about it.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("face_recognition_models is not installed; see requirements.txt")
    path = Path(spec.submodule_search_locations[0]) / "models" / "shape_predictor_68_face_landmarks.dat"
    return dlib.shape_predictor(str(path))


def _search(image: Image, factor: float) -> list[tuple[float, Box]]:
    """HOG on a copy scaled by `factor`: detector scores and boxes in pixels of `image`."""
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    copy: npt.NDArray[Any] = image
    if size != (width, height):
        mode = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        copy = cv2.resize(image, size, interpolation=mode)
    found, scores, _ = face_detector().run(np.ascontiguousarray(copy), 0, 0.0)
    return [
        (float(score), Box(*(round(e / factor) for e in (r.left(), r.top(), r.right(), r.bottom()))))
        for r, score in zip(found, scores, strict=True)
    ]


def landmarks_in(image: Image, box: Box) -> Landmarks:
    """dlib's 68 points of the face in `box`: float32 (68, 2), x and y in pixels of `image`."""
    import dlib  # noqa: PLC0415

    shape = _predictor()(
        np.ascontiguousarray(image), dlib.rectangle(box.left, box.top, box.right, box.bottom)
    )
    return np.array([(p.x, p.y) for p in shape.parts()], dtype=np.float32)


def find_face(image: Image, near: Box | None = None) -> Landmarks | None:
    """The landmarks of the face near a place, or else of the largest face.

    Args:
        image: uint8 (H, W, 3) RGB.
        near: Square of the same face's landmarks in an earlier frame.

    Returns:
        float32 (68, 2), or None where there is no face.
    """
    if near is not None:
        found = _find_near(image, near)
        if found is not None:
            return found
    factor = min(SEARCH_SIDE / max(image.shape[:2]), MAX_GROWTH)
    boxes = [box for score, box in _search(image, factor) if score > 0]
    if not boxes:
        return None
    return landmarks_in(image, max(boxes, key=lambda box: box.width * box.height))


def _find_near(image: Image, near: Box) -> Landmarks | None:
    height, width = image.shape[:2]
    reach = round(near.width * 0.6)
    left, top = max(0, near.left - reach), max(0, near.top - reach)
    part = image[top : near.bottom + reach, left : near.right + reach]
    if min(part.shape[:2]) < 8:
        return None
    boxes = _search(part, min(FACE_SIDE / near.width, MAX_GROWTH))
    if not boxes:
        return None
    box = max(boxes)[1] if len(boxes) == 1 else max(boxes, key=lambda b: b[0])[1]
    found = landmarks_in(image, Box(box.left + left, box.top + top, box.right + left, box.bottom + top))
    square = landmark_square(found, 1.0)
    inside = square.left < width and square.top < height
    return found if inside and 0.6 < square.width / near.width < 1.6 else None


def find_face_in_crop(image: Image) -> Landmarks | None:
    """The landmarks of a picture that is a tight crop of one face already.

    Args:
        image: uint8 (H, W, 3) RGB, about 200 px.

    Returns:
        float32 (68, 2) in pixels of `image`, or None where HOG finds no face.
    """
    border = round(max(image.shape[:2]) * BORDER)
    padded = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE)
    factor = FACE_SIDE * 1.3 / (max(image.shape[:2]) * 0.8)
    boxes = _search(np.asarray(padded, dtype=np.uint8), min(1.0, factor))
    if not boxes:
        return None
    box = max(boxes, key=lambda found: found[0])[1]
    box = Box(box.left - border, box.top - border, box.right - border, box.bottom - border)
    return landmarks_in(image, box)
