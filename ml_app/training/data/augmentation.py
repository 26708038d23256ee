"""Augmentation: one draw, applied alike to the genuine and the manipulated face of a pair.

What is applied to both cannot tell them apart: neither codec nor size nor light become a clue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.data.compression import recode
from ml_app.training.data.shards import STORED_MARGIN


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything that is decided by chance about how a face is shown."""

    margin: float  # of the crop, as a multiple of the landmarks' square
    shift: tuple[float, float] = (0.0, 0.0)  # of the crop's centre, as a share of the free room, -1..1
    mirrored: bool = False
    brightness: float = 0.0  # added
    contrast: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)  # of the channels
    shrink: float = 1.0  # made this much smaller and larger again
    blur: float = 0.0  # sigma, pixels of the stored crop
    noise: float = 0.0  # sigma, grey levels
    noise_seed: int = 0
    jpeg: int | None = None  # quality
    grey: bool = False
    crf: int | None = None  # re-encoded as H.264 with this rate factor


def draw(
    rng: np.random.Generator,
    strength: float,
    margins: tuple[float, float] = (1.0, 1.18),
    recoding: float = 0.0,
) -> Draw:
    """Draw an augmentation.

    Args:
        rng: Decides everything.
        strength: Chance of each degradation, as a multiple of the usual; 0 leaves crop and mirroring.
        margins: Lowest and highest crop margin.
        recoding: Chance of being re-encoded as H.264.
    """

    def happens(chance: float) -> bool:
        return bool(rng.random() < chance * strength)

    tint = rng.uniform(0.93, 1.07, size=3) if happens(0.3) else np.ones(3)
    return Draw(
        margin=float(rng.uniform(*margins)),
        shift=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
        mirrored=bool(rng.random() < 0.5),
        brightness=float(rng.normal(0, 18)) if happens(0.5) else 0.0,
        contrast=float(rng.uniform(0.75, 1.25)) if happens(0.5) else 1.0,
        gains=(float(tint[0]), float(tint[1]), float(tint[2])),
        shrink=float(rng.uniform(1.1, 2.6)) if happens(0.4) else 1.0,
        blur=float(rng.uniform(0.3, 1.3)) if happens(0.2) else 0.0,
        noise=float(rng.uniform(1, 7)) if happens(0.2) else 0.0,
        noise_seed=int(rng.integers(2**31)),
        jpeg=int(rng.integers(30, 96)) if happens(0.6) else None,
        grey=happens(0.04),
        # Without it nothing more is drawn, so that recipes of earlier versions repeat their batches.
        crf=int(rng.integers(20, 42)) if recoding > 0 and rng.random() < recoding else None,
    )


def apply(image: Image, chosen: Draw, size: int, stored: float = STORED_MARGIN) -> Image:
    """Show a stored face as drawn.

    Args:
        image: uint8 (S, S, 3) RGB.
        chosen: From `draw`.
        size: Side of the result in pixels.
        stored: Margin with which the image was cut.

    Returns:
        uint8 (size, size, 3) RGB.
    """
    return apply_clip([image], chosen, size, stored)[0]


def apply_clip(
    images: Sequence[Image], chosen: Draw, size: int, stored: float = STORED_MARGIN
) -> list[Image]:
    """Show the stored faces of a clip as drawn: one draw for all frames, but the grain of each is its own.

    Args:
        images: uint8 (S, S, 3) RGB each, in order of time.
        chosen: From `draw`.
        size: Side of the results in pixels.
        stored: Margin with which the images were cut.
    """
    degraded = [_degrade(_colour(image, chosen), chosen, number) for number, image in enumerate(images)]
    if chosen.crf is not None:
        degraded = recode(degraded, chosen.crf)
    return [_show(image, chosen, size, stored) for image in degraded]


def centre(image: Image, margin: float, size: int, stored: float = STORED_MARGIN) -> Image:
    """Show a stored face as serving does: without chance, at the detector's own margin."""
    return _show(image, Draw(margin=margin), size, stored)


def _show(image: Image, chosen: Draw, size: int, stored: float) -> Image:
    kept = round(image.shape[0] * chosen.margin / stored)
    if kept > image.shape[0]:
        # Beyond a picture serving shows its nearest pixels, see `faces.crops.crop`.
        border = (kept - image.shape[0] + 1) // 2
        image = cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_REPLICATE).astype(np.uint8)
    side = image.shape[0]
    free = (side - kept) / 2
    left, top = round(free * (1 + chosen.shift[0])), round(free * (1 + chosen.shift[1]))
    part = image[top : top + kept, left : left + kept]
    if chosen.mirrored:
        part = part[:, ::-1]
    mode = cv2.INTER_AREA if kept > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=mode), np.uint8)


def _colour(image: Image, chosen: Draw) -> Image:
    plain = chosen.contrast == 1.0 and chosen.brightness == 0.0 and chosen.gains == (1.0, 1.0, 1.0)
    if plain and not chosen.grey:
        return image
    pixels: npt.NDArray[Any] = image
    if chosen.grey:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    levels = np.arange(256, dtype=np.float32)
    table = (levels - 128) * chosen.contrast + 128 + chosen.brightness
    tables = np.clip(np.stack([table * gain for gain in chosen.gains], axis=-1), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), tables[None]), dtype=np.uint8)


def _degrade(image: Image, chosen: Draw, number: int) -> Image:
    pixels: npt.NDArray[Any] = image
    side = image.shape[0]
    if chosen.shrink > 1:
        small = round(side / chosen.shrink)
        pixels = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_LINEAR)
    if chosen.blur > 0:
        pixels = cv2.GaussianBlur(pixels, (0, 0), chosen.blur)
    if chosen.noise > 0:
        grain = np.random.default_rng(chosen.noise_seed + number).normal(0, chosen.noise, pixels.shape)
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    if chosen.jpeg is not None:
        _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, chosen.jpeg])
        pixels = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    return np.asarray(pixels, dtype=np.uint8)
