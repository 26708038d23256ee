"""Pictures to try finders on: made here from public-domain pictures, or frames of clips that somebody has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from tests.media import portrait

Image = npt.NDArray[np.uint8]
Spot = tuple[float, float, float]  # centre across, centre down and width of a face, pixels
SIZE = (1280, 720)
FACE_SHARE = 0.34  # of the portrait's side: the width of the face in it
FACE_PLACE = (0.5, 0.44)  # of the portrait's side: the face's middle
CLIP_FACE = 1 / 1.8  # of a clip's side: it was cut so to the face


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and the faces in it. `group`: which line of the table it counts for."""

    group: str
    image: Image  # uint8 RGB (H, W, 3)
    faces: tuple[Spot, ...]


def own_scenes() -> Iterator[Scene]:
    """One face in several sizes and disguises, crowds, and pictures without anybody."""
    for width in (240, 120, 60, 45, 30):
        for ground in _grounds():
            yield _scene(f"own: frontal, {width} px", [portrait()], width, ground)
    disguises: dict[str, Callable[[Image], Image]] = {
        "mask over mouth and nose": lambda face: _covered(face, 0.50, 0.66, (200, 210, 220)),
        "hat down to the brows": lambda face: _covered(face, 0.0, 0.36, (40, 30, 60)),
        "sunglasses": lambda face: _covered(face, 0.36, 0.45, (15, 15, 15)),
        "dark and noisy": _dark,
        "blurred": lambda face: _image(cv2.GaussianBlur(face, (0, 0), 5)),
        "turned 25°": lambda face: _turned(face, 25),
        "turned 45°": lambda face: _turned(face, 45),
        "turned 90°": lambda face: _turned(face, 90),
        "upside down": lambda face: _turned(face, 180),
        "narrowed as if half turned away": lambda face: _image(cv2.resize(face, (150, 256))),
        "drawing": _drawing,
    }
    for name, disguise in disguises.items():
        for ground in _grounds():
            for width in (120, 60):
                yield _scene(f"own: {name}", [disguise(portrait())], width, ground)
    for count in (12, 24):
        for ground in _grounds():
            yield _scene(f"own: {count} faces", [portrait()] * count, 56, ground)
    for ground in _nobody():
        yield Scene("own: nobody", ground, ())


def clip_scenes(folder: Path, frames: int, widths: tuple[int, ...], every: int = 1) -> Iterator[Scene]:
    """Frames of clips that are cut to one face each, put into a larger picture so that the face is so wide.

    Args:
        folder: With MP4 files; each 1.8 times as large as its face, which is about its middle.
        frames: From each clip, evenly.
        widths: Of the face, pixels.
        every: Take one of so many clips.
    """
    for path in sorted(folder.glob("*.mp4"))[::every]:
        with av.open(str(path)) as container:
            pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        for i in range(frames):
            picture = _image(pictures[int((i + 0.5) * len(pictures) / frames)])
            for width in widths:
                side = width / CLIP_FACE
                scale = side / max(picture.shape[:2])
                small = _resized(picture, scale)
                yield Scene(f"clips: {width} px", *_placed([small], _blurred(picture), clip=True))


def _scene(group: str, portraits: list[Image], width: int, ground: Image) -> Scene:
    scale = width / FACE_SHARE / portraits[0].shape[0]
    small = [_resized(face, scale) for face in portraits]
    return Scene(group, *_placed(small, ground))


def _placed(pictures: list[Image], ground: Image, *, clip: bool = False) -> tuple[Image, tuple[Spot, ...]]:
    image, spots = ground.copy(), []
    height, width = image.shape[:2]
    columns = max(1, round((len(pictures) * width / height) ** 0.5))
    rows = -(-len(pictures) // columns)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        down, across = picture.shape[:2]
        top = round((row + 0.5) * height / rows - down / 2)
        left = round((column + 0.5) * width / columns - across / 2)
        top, left = max(0, min(top, height - down)), max(0, min(left, width - across))
        part = picture[: height - top, : width - left]
        image[top : top + part.shape[0], left : left + part.shape[1]] = part
        place, share = ((0.5, 0.5), CLIP_FACE) if clip else (FACE_PLACE, FACE_SHARE)
        spots.append((left + across * place[0], top + down * place[1], max(across, down) * share))
    return image, tuple(spots)


@cache
def _grounds() -> tuple[Image, ...]:
    names = ("brick", "gravel", "coffee")
    return tuple(_filled(getattr(skimage.data, name)()) for name in names)


def _nobody() -> Iterator[Image]:
    for name in ("chelsea", "coffee", "coins", "moon", "page", "text", "clock", "brick", "grass", "gravel"):
        yield _filled(getattr(skimage.data, name)())
    for name in ("hubble_deep_field", "immunohistochemistry", "retina", "rocket", "horse", "cell"):
        yield _filled(getattr(skimage.data, name)())
    for left in skimage.data.stereo_motorcycle()[:2]:
        yield _filled(left)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    for size in (9, 21, 40, 77):  # patterns that repeat
        waves = 127 + 80 * np.sin(x / size) * np.cos(y / size)
        yield _filled(waves.astype(np.uint8))
        yield _filled((((x // size) + (y // size)) % 2 * 255).astype(np.uint8))
        rings = ((x % (4 * size) - 2 * size) ** 2 + (y % (4 * size) - 2 * size) ** 2) ** 0.5 < size
        yield _filled((rings * 200 + 30).astype(np.uint8))


def _filled(picture: npt.NDArray[np.generic]) -> Image:
    array = np.asarray(picture)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    colour = np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array[..., :3]
    return _image(cv2.resize(colour, SIZE, interpolation=cv2.INTER_AREA))


def _blurred(picture: Image) -> Image:
    tiny = cv2.resize(picture, (16, 9), interpolation=cv2.INTER_AREA)
    return _image(cv2.resize(tiny, SIZE, interpolation=cv2.INTER_CUBIC))


def _resized(picture: Image, scale: float) -> Image:
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return _image(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))


def _covered(face: Image, top: float, bottom: float, colour: tuple[int, int, int]) -> Image:
    covered, side = face.copy(), face.shape[0]
    covered[round(top * side) : round(bottom * side), round(0.3 * side) : round(0.7 * side)] = colour
    return covered


def _dark(face: Image) -> Image:
    noise = np.random.default_rng(1).normal(0, 5, face.shape)
    return _image(np.clip(face * 0.13 + noise, 0, 255).astype(np.uint8))


def _turned(face: Image, degrees: int) -> Image:
    height, width = face.shape[:2]
    matrix = cv2.getRotationMatrix2D((width * FACE_PLACE[0], height * FACE_PLACE[1]), degrees, 1)
    return _image(cv2.warpAffine(face, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _drawing(face: Image) -> Image:
    lines = cv2.adaptiveThreshold(
        cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4
    )
    flat = cv2.bilateralFilter(face, 9, 75, 75) // 32 * 32 + 16
    return _image(np.minimum(flat, lines[..., None]))


def _image(array: npt.NDArray[np.generic]) -> Image:
    return np.ascontiguousarray(array, dtype=np.uint8)
