"""Changes of colour and frequency, as a generator, a colour transfer or another camera would leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image

MODES = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)


@dataclass(frozen=True, slots=True)
class PhotometricChange:
    """A change of a picture's look. The defaults change nothing."""

    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of red, green and blue, grey levels
    hue: float = 0.0  # degrees
    saturation: float = 1.0  # factor
    value: float = 1.0  # factor of HSV's value
    brightness: float = 0.0  # added, grey levels
    contrast: float = 1.0  # about the picture's mean
    frequency: Literal["", "sharpen", "shrink"] = ""
    amount: float = 0.0  # of sharpening; or how many times smaller before it is made larger again
    mode: int = cv2.INTER_LINEAR  # of making it larger


def draw_change(rng: np.random.Generator) -> PhotometricChange:
    """Draw a change: colours always, hue and saturation often, and sharpness or resolution mostly."""
    shift = rng.uniform(-18, 18, size=3)
    contrast, brightness = float(rng.uniform(0.88, 1.12)), float(rng.uniform(-10, 10))
    hue, saturation, value = 0.0, 1.0, 1.0
    if rng.random() < 0.5:
        hue, saturation = float(rng.uniform(-10, 10)), float(rng.uniform(0.7, 1.3))
        value = float(rng.uniform(0.85, 1.15))
    kind = rng.random()
    frequency: Literal["", "sharpen", "shrink"] = "sharpen" if kind < 0.3 else "shrink" if kind < 0.8 else ""
    amount = float(rng.uniform(0.3, 1.0) if frequency == "sharpen" else rng.uniform(1.3, 4.0))
    mode = MODES[int(rng.choice(len(MODES), p=(0.5, 0.35, 0.15)))]
    return PhotometricChange(
        (float(shift[0]), float(shift[1]), float(shift[2])),
        hue,
        saturation,
        value,
        brightness,
        contrast,
        frequency,
        amount,
        mode,
    )


def apply_change(image: Image, look: PhotometricChange) -> Image:
    """Change a picture, uint8 (H, W, 3) RGB, to another look; the same shape and type."""
    return _change_frequencies(_change_colours(image, look), look)


def _change_colours(image: Image, look: PhotometricChange) -> Image:
    pixels: npt.NDArray[Any] = image.astype(np.float32) + np.array(look.shift, dtype=np.float32)
    pixels = (pixels - pixels.mean()) * look.contrast + pixels.mean() + look.brightness
    if (look.hue, look.saturation, look.value) != (0.0, 1.0, 1.0):
        hsv = cv2.cvtColor(np.clip(pixels / 255, 0, 1).astype(np.float32), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + look.hue) % 360
        hsv[..., 1:] = np.clip(hsv[..., 1:] * np.array([look.saturation, look.value], np.float32), 0, 1)
        pixels = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _change_frequencies(image: Image, look: PhotometricChange) -> Image:
    height, width = image.shape[:2]
    if look.frequency == "sharpen":
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        return np.asarray(cv2.addWeighted(image, 1 + look.amount, soft, -look.amount, 0), dtype=np.uint8)
    if look.frequency == "shrink":
        size = (max(1, round(width / look.amount)), max(1, round(height / look.amount)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (width, height), interpolation=look.mode), dtype=np.uint8)
    return image
