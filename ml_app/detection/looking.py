"""Look at one frame: find its faces, cut them out, measure them. Runs in child processes; imports no torch.

The detector, the landmarks and the descriptor are those of face_recognition (dlib's HOG detector, its 68
points after Kazemi and Sullivan, CVPR 2014, and its 128-dimensional face embedding). They are taken from
dlib directly, because face_recognition loads five models on import and hides the detector's score.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from ml_app.detection import crops
from ml_app.detection.checkpoints import Preprocessing
from ml_app.detection.crops import Image
from ml_app.detection.findings import Box

SIDES = (640, 1280, 2560)  # long sides of the copies that are searched, from coarse to fine
SMALLEST = 56  # pixels on a copy: a face of this size is found, in a box of about 72
MAX_GROWTH = 4.0  # small frames are enlarged for the search, this much at most
MAX_FACES = 10  # of one frame, those with the highest scores
THUMBNAIL_SIDE = 160
THUMBNAIL_QUALITY = 88
MEASURE_SIDE = 112  # sharpness is measured at one size, or it would depend on the size of the face
SIGNATURE_SIZE = (32, 18)
CHIP_SIDE = 150  # what dlib's descriptor network takes


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face in one frame, with all that later stages need of it. The frame itself is not kept."""

    box: Box  # of the detector, in pixels of the upright full-size frame, within it
    score: float  # of the detector; 0 is its threshold, a clear face has 1 and more
    crop: Image  # uint8 (size, size, 3) RGB: the network's input
    thumbnail: bytes  # JPEG of the same cut
    thumbnail_size: tuple[int, int]  # width, height
    chip: Image  # uint8 (150, 150, 3) RGB, aligned for the descriptor; empty where nobody is followed
    sharpness: float  # variance of the Laplacian of the grey face at 112 px
    brightness: float  # mean luma of the face, 0..255
    level: int  # which of `SIDES` it takes to find a face of this size


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame showed."""

    sightings: tuple[Sighting, ...]  # highest score first
    signature: npt.NDArray[np.uint8]  # (18, 32) grey miniature of the frame, to tell a cut from a movement


@dataclass(frozen=True, slots=True)
class _Located:
    box: Box  # in pixels of the image that was given, perhaps beyond it
    score: float


def look(image: Image, scale: float, preprocessing: Preprocessing, first: int = 0, last: int = 1) -> Look:
    """Find the faces of a frame.

    The finer a copy, the smaller the faces that are found besides the large ones, at four times the cost.

    Args:
        image: uint8 (H, W, 3) RGB, upright, C-contiguous.
        scale: Size of `image` as a share of the full-size frame, 0..1.
        preprocessing: The checkpoint's.
        first: With which of `SIDES` to begin.
        last: With which of `SIDES` to end while nobody is found.
    """
    if preprocessing.faces == "first_found":
        return _look_as_published(image, scale, preprocessing)
    located = _locate(image, first, last)
    sightings = []
    for found in sorted(located, key=lambda found: -found.score)[:MAX_FACES]:
        landmarks = _landmarks(image, found.box)
        if preprocessing.crop == "landmarks":
            points = np.array([(p.x, p.y) for p in landmarks.parts()], dtype=np.float32)
            cut = crops.landmark_square(points, preprocessing.margin)
        else:
            cut = crops.expand_box(found.box, preprocessing.margin)
        chip = _dlib().get_face_chip(image, landmarks, CHIP_SIDE, 0.25)
        sighting = _sighting(image, scale, found, cut=cut, preprocessing=preprocessing, chip=chip)
        if sighting is not None:
            sightings.append(sighting)
    return Look(tuple(sightings), _signature(image))


def describe(chip: Image) -> npt.NDArray[np.float32]:
    """Embed an aligned face; less than 0.6 apart means the same person (dlib's own threshold).

    Args:
        chip: uint8 (150, 150, 3) RGB, C-contiguous, from a `Sighting`.

    Returns:
        float32 (128,).
    """
    return np.asarray(_descriptor_model().compute_face_descriptor(chip), dtype=np.float32)


def warm_up() -> None:
    """Load what `look` needs."""
    _face_detector()
    _landmark_model()


def _look_as_published(image: Image, scale: float, preprocessing: Preprocessing) -> Look:
    # HOG on the whole frame, enlarged once; the first box of the list, without landmarks; or the whole frame.
    height, width = image.shape[:2]
    given = np.ascontiguousarray(image[..., ::-1]) if preprocessing.colour_order == "BGR" else image
    rectangles, scores, _ = _face_detector().run(given, 1, 0.0)
    if rectangles:
        box, score = _box(rectangles[0]), float(scores[0])
        found = _Located(_clip(box, width, height), score)
    elif preprocessing.whole_frame_without_face:
        found = _Located(Box(0, 0, width, height), 0.0)
    else:
        return Look((), _signature(image))
    nothing = np.zeros((0, 0, 3), dtype=np.uint8)
    cut = crops.expand_box(found.box, preprocessing.margin)
    sighting = _sighting(image, scale, found, cut=cut, preprocessing=preprocessing, chip=nothing)
    return Look((sighting,) if sighting is not None else (), _signature(image))


def _locate(image: Image, first: int, last: int) -> list[_Located]:
    longest = max(image.shape[:2])
    # A copy is enlarged so much at most; further ones would be as large.
    finest = next((i for i, side in enumerate(SIDES) if side >= longest * MAX_GROWTH), len(SIDES) - 1)
    located: list[_Located] = []
    for level in range(min(first, finest), min(last, finest) + 1):
        located = _search(image, _growth(level, longest))
        if located:
            break
    return located


def _growth(level: int, longest: int) -> float:
    return min(SIDES[level] / longest, MAX_GROWTH)


def _needed_level(box: Box, longest: int) -> int:
    side = max(box.width, box.height)
    levels = range(len(SIDES))
    return next((level for level in levels if side * _growth(level, longest) >= SMALLEST), len(SIDES) - 1)


def _search(image: Image, factor: float) -> list[_Located]:
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    copy: Image = image
    if size != (width, height):
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        copy = np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
    rectangles, scores, _ = _face_detector().run(copy, 0, 0.0)
    return [
        _Located(Box(*(round(edge / factor) for edge in _edges(rectangle))), float(score))
        for rectangle, score in zip(rectangles, scores, strict=True)
    ]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one.width * one.height + other.width * other.height - both)


def _sighting(
    image: Image, scale: float, found: _Located, *, cut: Box, preprocessing: Preprocessing, chip: Image
) -> Sighting | None:
    height, width = image.shape[:2]
    inside = _clip(found.box, width, height)
    if min(inside.width, inside.height) < 2 or not _touches(cut, width, height):
        return None
    grey = cv2.cvtColor(crops.crop(image, inside, MEASURE_SIDE), cv2.COLOR_RGB2GRAY)
    thumbnail, thumbnail_size = _thumbnail(image, cut)
    full_width, full_height = round(width / scale), round(height / scale)
    full = Box(*(round(edge / scale) for edge in (inside.left, inside.top, inside.right, inside.bottom)))
    return Sighting(
        box=_clip(full, full_width, full_height),
        score=found.score,
        crop=_network_input(image, cut, preprocessing),
        thumbnail=thumbnail,
        thumbnail_size=thumbnail_size,
        chip=chip,
        sharpness=float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        brightness=float(grey.mean()),
        level=_needed_level(found.box, max(height, width)),
    )


def _network_input(image: Image, cut: Box, preprocessing: Preprocessing) -> Image:
    size = preprocessing.image_size
    if preprocessing.resize == "area":
        return crops.crop(image, cut, size)
    picture = PillowImage.fromarray(crops.crop(image, cut))
    return np.array(picture.resize((size, size), PillowImage.Resampling.BILINEAR))


def _thumbnail(image: Image, cut: Box) -> tuple[bytes, tuple[int, int]]:
    # The same cut as the network's, in its own proportions, so that a heatmap lies over it exactly.
    factor = THUMBNAIL_SIDE / max(cut.width, cut.height)
    size = (max(1, round(cut.width * factor)), max(1, round(cut.height * factor)))
    picture = cv2.resize(crops.crop(image, cut), size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return data.tobytes(), size


def _signature(image: Image) -> npt.NDArray[np.uint8]:
    small = cv2.resize(image, SIGNATURE_SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _clip(box: Box, width: int, height: int) -> Box:
    return Box(max(0, box.left), max(0, box.top), min(width, box.right), min(height, box.bottom))


def _touches(box: Box, width: int, height: int) -> bool:
    return box.left < width and box.top < height and box.right > 0 and box.bottom > 0


def _edges(rectangle: Any) -> tuple[int, int, int, int]:
    return rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom()


def _box(rectangle: Any) -> Box:
    return Box(*_edges(rectangle))


def _landmarks(image: Image, box: Box) -> Any:
    return _landmark_model()(image, _dlib().rectangle(box.left, box.top, box.right, box.bottom))


def _dlib() -> Any:
    import dlib  # noqa: PLC0415 - only where faces are looked for

    return dlib


@cache
def _face_detector() -> Any:
    return _dlib().get_frontal_face_detector()


@cache
def _landmark_model() -> Any:
    return _dlib().shape_predictor(_model("shape_predictor_68_face_landmarks.dat"))


@cache
def _descriptor_model() -> Any:
    return _dlib().face_recognition_model_v1(_model("dlib_face_recognition_resnet_model_v1.dat"))


def _model(name: str) -> str:
    # Found without importing the package, which would import pkg_resources and warn about it.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("face_recognition_models is not installed; see requirements.txt")
    return str(Path(spec.submodule_search_locations[0]) / "models" / name)
