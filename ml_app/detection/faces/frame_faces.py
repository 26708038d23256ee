"""Look at one frame: find its faces, cut them out, measure them. Runs in child processes; imports no torch.

The landmarks and the descriptor are those of face_recognition (68 points after Kazemi and Sullivan, CVPR
2014, and dlib's 128-dimensional face embedding); who finds the faces is told by `finder`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces import crops, detect, upright
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import Located
from ml_app.detection.faces.finder import USUAL, Finder, FinderName, finder
from ml_app.detection.findings import Box

MAX_FACES = 40  # of one frame, those with the highest scores
THUMBNAIL_SIDE = 160
THUMBNAIL_QUALITY = 88
MEASURE_SIDE = 112  # sharpness is measured at one size, or it would depend on the size of the face
SIGNATURE_SIZE = (32, 18)
SAME_SHOT = 18.0  # mean difference of two signatures, 0..255; a cut differs by more
CHIP_SIDE = 150  # what dlib's descriptor network takes
MINIATURE_SIDE = 16
# Of two miniatures of aligned faces: strangers differ by 10 and more and correlate by less than 0.9.
ALIKE_DIFFERENCE, ALIKE_CORRELATION = 6.0, 0.95

Miniature = npt.NDArray[np.uint8]  # (16, 16) grey
Points = npt.NDArray[np.float32]  # (68, 2), dlib's landmarks as x, y


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face in one frame, with all that later stages need of it. The frame itself is not kept."""

    box: Box  # of the detector, in pixels of the upright full-size frame, within it
    score: float  # of the detector; 0 is its threshold, a clear face has 1 and more
    crop: Image  # uint8 (size, size, 3) RGB; empty where the network reads none, see `inputs`
    thumbnail: bytes  # JPEG of the same cut
    thumbnail_size: tuple[int, int]  # width, height
    chip: Image  # uint8 (150, 150, 3) RGB, aligned for the descriptor; empty where nobody is followed
    sharpness: float  # variance of the Laplacian of the grey face at 112 px
    brightness: float  # mean luma of the face, 0..255
    level: int  # of the finder: what it takes to find a face of this size
    miniature: Miniature  # of the chip, to tell a camera that moves from a cut to somebody else
    landmarks: Points  # in pixels of the upright full-size frame; empty where nobody is followed


@dataclass(frozen=True, slots=True)
class FrameFaces:
    """What one frame showed."""

    sightings: tuple[Sighting, ...]  # highest score first
    signature: npt.NDArray[np.uint8]  # (18, 32) grey miniature of the frame, to tell a cut from a movement
    turn: int | None = None  # degrees clockwise that would put its clearest face upright, if that was asked


@dataclass(frozen=True, slots=True)
class PreviousFrame:
    """A frame shortly before, and its faces in pixels of the image that is looked at now."""

    signature: npt.NDArray[np.uint8]
    faces: tuple[Located, ...]
    miniatures: tuple[Miniature, ...]  # of these faces


def same_shot(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> bool:
    """Whether no cut lies between two frames, by their signatures."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean()) < SAME_SHOT


def alike(one: Miniature, other: Miniature) -> bool:
    """Whether two aligned faces are so alike, in the same light, that they are one person's for certain."""
    first, second = one.astype(np.float32), other.astype(np.float32)
    if float(np.abs(first - second).mean()) >= ALIKE_DIFFERENCE:
        return False
    first, second = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return length > 0 and float((first * second).sum()) > ALIKE_CORRELATION * length


def find_faces(
    image: Image,
    scale: float,
    preprocessing: Preprocessing,
    levels: tuple[int, int] = (0, 1),
    before: PreviousFrame | None = None,
    *,
    found_by: FinderName = USUAL,
    ask_turn: bool = False,
) -> FrameFaces:
    """Find the faces of a frame.

    The finer a copy, the smaller the faces that are found besides the large ones, at four times the cost.

    Args:
        image: uint8 (H, W, 3) RGB, upright, C-contiguous.
        scale: Size of `image` as a share of the full-size frame, 0..1.
        preprocessing: The checkpoint's.
        levels: With which of the finder's to begin, and with which to end while nobody is found.
        before: A frame shortly before, whose faces need less searching while they are still there.
        found_by: Whose boxes they are. The published pipeline's are always HOG's, on the full-size frame.
        ask_turn: Whether to look which way up the frame is.
    """
    if preprocessing.faces == "first_found":
        return _find_as_published(image, scale, preprocessing)
    signature, search = _signature(image), finder(found_by)
    sightings = None
    if before is not None and before.faces:
        sightings = _find_near(image, scale, preprocessing, before, signature=signature, search=search)
    turn = None
    if sightings is None:
        located = search.everywhere(image, *levels)
        if ask_turn and located:
            turn = upright.turn_of(image, max(located, key=lambda face: face.score))
        sightings = _sightings(image, scale, preprocessing, located, search)
    return FrameFaces(sightings, signature, turn)


def _find_near(
    image: Image,
    scale: float,
    preprocessing: Preprocessing,
    before: PreviousFrame,
    *,
    signature: npt.NDArray[np.uint8],
    search: Finder,
) -> tuple[Sighting, ...] | None:
    if (located := search.near(image, before.faces)) is None:
        return None
    sightings = _sightings(image, scale, preprocessing, located, search)
    if same_shot(before.signature, signature):
        return sightings
    # Either a cut or a quick movement. The faces tell, if they are still the very same.
    same = all(any(alike(miniature, seen.miniature) for seen in sightings) for miniature in before.miniatures)
    return sightings if same else None


def _sightings(
    image: Image, scale: float, preprocessing: Preprocessing, located: Sequence[Located], search: Finder
) -> tuple[Sighting, ...]:
    sightings = []
    standing = [found for found in located if not found.turn]  # landmarks were learned on no others
    for found in sorted(standing, key=lambda found: -found.score)[:MAX_FACES]:
        landmarks = _landmarks(image, found.box)
        points = np.array([(p.x, p.y) for p in landmarks.parts()], dtype=np.float32)
        if preprocessing.crop == "landmarks":
            cut = crops.landmark_square(points, preprocessing.margin)
        else:
            cut = crops.expand_box(found.box, preprocessing.margin)
        chip = _dlib().get_face_chip(image, landmarks, CHIP_SIDE, 0.25)
        level = search.needed_level(found.box, max(image.shape[:2]))
        sighting = _sighting(
            image,
            scale,
            found,
            cut=cut,
            preprocessing=preprocessing,
            chip=chip,
            level=level,
            landmarks=points / np.float32(scale),
        )
        if sighting is not None:
            sightings.append(sighting)
    return tuple(sightings)


def describe(chip: Image) -> npt.NDArray[np.float32]:
    """Embed an aligned face; less than 0.6 apart means the same person (dlib's own threshold).

    Args:
        chip: uint8 (150, 150, 3) RGB, C-contiguous, from a `Sighting`.

    Returns:
        float32 (128,).
    """
    return np.asarray(_descriptor_model().compute_face_descriptor(chip), dtype=np.float32)


def warm_up() -> None:
    """Load what `find_faces` needs."""
    finder(USUAL).warm_up()
    _landmark_model()


def _find_as_published(image: Image, scale: float, preprocessing: Preprocessing) -> FrameFaces:
    # HOG on the whole frame, enlarged once; the first box of the list, without landmarks; or the whole frame.
    height, width = image.shape[:2]
    given = np.ascontiguousarray(image[..., ::-1]) if preprocessing.colour_order == "BGR" else image
    everybody = detect.detect(given, upsample=1)
    if everybody:
        found = Located(_clip(everybody[0].box, width, height), everybody[0].score)
    elif preprocessing.whole_frame_without_face:
        found = Located(Box(0, 0, width, height), 0.0)
    else:
        return FrameFaces((), _signature(image))
    nothing = np.zeros((0, 0, 3), dtype=np.uint8)
    cut = crops.expand_box(found.box, preprocessing.margin)
    sighting = _sighting(
        image,
        scale,
        found,
        cut=cut,
        preprocessing=preprocessing,
        chip=nothing,
        level=0,
        landmarks=np.zeros((0, 2), dtype=np.float32),
    )
    return FrameFaces((sighting,) if sighting is not None else (), _signature(image))


def _sighting(
    image: Image,
    scale: float,
    found: Located,
    *,
    cut: Box,
    preprocessing: Preprocessing,
    chip: Image,
    level: int,
    landmarks: Points,
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
        crop=_crop(image, cut, preprocessing),
        thumbnail=thumbnail,
        thumbnail_size=thumbnail_size,
        chip=chip,
        sharpness=float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        brightness=float(grey.mean()),
        level=level,
        miniature=_grey(chip, (MINIATURE_SIDE, MINIATURE_SIDE)),
        landmarks=landmarks,
    )


def _crop(image: Image, cut: Box, preprocessing: Preprocessing) -> Image:
    size = preprocessing.image_size
    if preprocessing.reads != "crops":
        return np.zeros((0, 0, 3), dtype=np.uint8)
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
    return _grey(crops.halved(image, 4 * SIGNATURE_SIZE[0]), SIGNATURE_SIZE)


def _grey(image: Image, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    if not image.size:
        return np.zeros(size[::-1], dtype=np.uint8)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _clip(box: Box, width: int, height: int) -> Box:
    return Box(max(0, box.left), max(0, box.top), min(width, box.right), min(height, box.bottom))


def _touches(box: Box, width: int, height: int) -> bool:
    return box.left < width and box.top < height and box.right > 0 and box.bottom > 0


def _landmarks(image: Image, box: Box) -> Any:
    return _landmark_model()(image, _dlib().rectangle(box.left, box.top, box.right, box.bottom))


def _dlib() -> Any:
    import dlib  # noqa: PLC0415 - only where faces are looked for

    return dlib


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
