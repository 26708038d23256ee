"""Photographed faces and drawings of them, both as cameras, networks, filters and codecs would pass them on.

The same happens to both before they are looked at, so that neither blur nor compression tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ml_app.detection.faces.crops import Image
from ml_app.detection.runtime.detector import few
from ml_app.training.data.augmentation import centre
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.data.shards import Shard
from ml_app.training.drawn.painting import saturate, smooth, to_image
from ml_app.training.drawn.styles import STYLES
from ml_app.training.fakes.photometric import apply_change, draw_change
from ml_app.training.fakes.resampling import resample

PICTURE_STEP = 3
FILTERED = 0.6  # share of the photographs besides the plain ones that a filter has changed


@dataclass(frozen=True, slots=True)
class Example:
    """One face."""

    image: Image  # uint8 (size, size, 3) RGB, as serving shows it to a network
    style: str  # of `STYLES`; empty for a photograph
    generator: str  # or corpus, of the photograph
    picture: bool  # it is no frame of a clip


def examples(
    shards: Sequence[Shard], *, drawings: int, size: int, margin: float, seed: int
) -> Iterator[Example]:
    """Photographs as they are, each once more as it may be changed, and drawings of them.

    Args:
        shards: Prepared faces, genuine and manipulated: all are photographs, whatever became of the face.
        drawings: Of each style.
        size: Side of the crops that serving cuts, pixels.
        margin: And their margin.
        seed: Decides everything.
    """
    rng = np.random.default_rng(seed)
    for shard in shards:
        for place in _places(shard):
            image, points = np.asarray(shard.images[place]), np.asarray(shard.landmarks[place])
            plain = centre(image, margin, size, shard.margin)
            changed = centre(photographed(image, points, rng), margin, size, shard.margin)
            yield _example(shard, place, plain)
            yield _example(shard, place, passed_on(changed, rng))
    for style, draw in STYLES.items():
        for number in rng.choice(len(shards), drawings, replace=len(shards) < drawings):
            shard = shards[number]
            place = int(rng.choice(_places(shard)))
            points = np.asarray(shard.landmarks[place])
            drawn = centre(draw(np.asarray(shard.images[place]), points, rng), margin, size, shard.margin)
            yield _example(shard, place, passed_on(drawn, rng) if rng.random() < 0.7 else drawn, style)


def _places(shard: Shard) -> list[int]:
    """The middle frame of a clip; of a set of pictures every third, or they would outnumber the clips."""
    return few(len(shard.faces), 1) if shard.is_clip else list(range(0, len(shard.faces), PICTURE_STEP))


def _example(shard: Shard, place: int, image: Image, style: str = "") -> Example:
    return Example(image, style, shard.faces[place].generator, not shard.is_clip)


def photographed(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    """A photograph as a camera, a network or a filter may leave it, and still nobody would call it drawn."""
    if rng.random() > FILTERED:
        return apply_change(image, draw_change(rng))
    if (kind := int(rng.integers(len(FILTERS) + 1))) == 0:
        return resample(image, landmarks, rng)
    return FILTERS[kind - 1](image, rng)


def _grey_or_bright(image: Image, rng: np.random.Generator) -> Image:
    return saturate(image, rng.choice([0.0, 0.0, rng.uniform(0.2, 2.2)]))


def _hard_light(image: Image, rng: np.random.Generator) -> Image:
    """What is bright or dark has no structure left."""
    return to_image((image.astype(np.float32) - 128) * rng.uniform(1.3, 2.2) + rng.uniform(80, 170))


def _sharpened(image: Image, rng: np.random.Generator) -> Image:
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(1.0, 3.0)).astype(np.float32)
    return to_image(image + (image - soft) * rng.uniform(0.8, 3.0))


def _dim(image: Image, rng: np.random.Generator) -> Image:
    noise = rng.normal(0, rng.uniform(4, 18), image.shape)
    return to_image(image * rng.uniform(0.3, 1.0) + noise)


def _tinted(image: Image, rng: np.random.Generator) -> Image:
    tint = rng.uniform(0.6, 1.3, 3)
    return to_image(saturate(image, rng.uniform(0.0, 1.2)) * tint)


FILTERS: tuple[Callable[[Image, np.random.Generator], Image], ...] = (
    lambda image, rng: smooth(image, int(rng.integers(1, 3)), rng),  # as phones do to skin
    _grey_or_bright,
    _hard_light,
    _sharpened,
    _dim,
    _tinted,
)


def passed_on(image: Image, rng: np.random.Generator) -> Image:
    """What becomes of any picture on its way: smaller, blurred, compressed."""
    side = image.shape[0]
    if rng.random() < 0.5:
        small = max(40, round(side / rng.uniform(1.2, 3.0)))
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        kind = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(2))]
        image = np.asarray(cv2.resize(shrunk, (side, side), interpolation=kind), dtype=np.uint8)
    elif rng.random() < 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.0)), dtype=np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))]
    encoded = cv2.imencode(".jpg", image[..., ::-1], quality)[1]
    return np.ascontiguousarray(
        np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]
    )
