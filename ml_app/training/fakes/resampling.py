"""Pseudo-fakes without a seam: a genuine face as a decoder would have written it.

Generators write a whole picture by enlarging small feature maps, and remove the camera's noise. A talking
head has therefore no edge of blending, but too little grain, and traces of how it was enlarged. Here a
genuine face loses its finest structure (by shrinking or by smoothing that keeps edges) and gets it back from
an enlargement with a drawn kernel; low frequencies and colours stay. The idea of pairs that differ by a
reconstruction alone is that of aligned data sets (arXiv 2410.11835), with filters in place of autoencoders.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.fakes.blending import draw_blend, face_mask

WHOLE = 0.8  # share of pseudo-fakes that are resampled everywhere, and not only in a part of the face
Pixels = npt.NDArray[np.float32]


def resample(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    """Make the pseudo-fake of a genuine face.

    Args:
        image: uint8 (H, W, 3) RGB.
        landmarks: float32 (68, 2), pixels of `image`.
        rng: Decides everything.

    Returns:
        uint8 (H, W, 3): the same face in the same place.
    """
    changed = _smooth(image, rng) if rng.random() < 0.35 else _enlarge(_shrink(image, rng), image.shape, rng)
    pixels = changed.astype(np.float32)
    if rng.random() < 0.6:  # decoders are sharp where they are sure
        soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.8, 1.6))
        pixels = pixels + rng.uniform(0.2, 1.2) * (pixels - soft)
    if rng.random() > WHOLE:
        mask = face_mask(image.shape[:2], landmarks, draw_blend(rng))[..., None]
        pixels = pixels * mask + image.astype(np.float32) * (1 - mask)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _smooth(image: Image, rng: np.random.Generator) -> npt.NDArray[Any]:
    kind = rng.random()
    if kind < 0.4:
        return np.asarray(cv2.bilateralFilter(image, 5, rng.uniform(12, 40), rng.uniform(1.0, 3.0)))
    if kind < 0.6:
        return np.asarray(cv2.medianBlur(image, 3))
    guide = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 1.2))
    fine = image.astype(np.float32) - guide
    strength = rng.uniform(2.0, 6.0)  # grey levels below which structure counts as grain
    return np.asarray(guide + np.sign(fine) * np.maximum(np.abs(fine) - strength, 0))


def _shrink(image: Image, rng: np.random.Generator) -> npt.NDArray[Any]:
    height, width = image.shape[:2]
    factor = rng.choice((1.25, 1.5, 2.0, 2.0, 2.0, 3.0))
    mode = (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[rng.integers(3)]
    return np.asarray(cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=mode))


def _enlarge(small: npt.NDArray[Any], shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[Any]:
    height, width = shape[:2]
    if height == 2 * small.shape[0] and width == 2 * small.shape[1] and rng.random() < 0.7:
        return _transposed(small.astype(np.float32), rng)
    modes = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    mode = modes[rng.choice(4, p=(0.15, 0.25, 0.35, 0.25))]
    large = cv2.resize(small, (width, height), interpolation=mode)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 0.7) if mode == cv2.INTER_NEAREST else large)


def _transposed(small: Pixels, rng: np.random.Generator) -> Pixels:
    """To twice the size by a transposed convolution, whose kernel is near a linear one but not quite even."""
    height, width = small.shape[:2]
    spread = np.zeros((2 * height, 2 * width, 3), dtype=np.float32)
    spread[::2, ::2] = small
    line = np.array((1.0, 3.0, 3.0, 1.0)) / 4
    kernel = np.outer(line, line) * (1 + rng.normal(0, rng.uniform(0.003, 0.025), size=(4, 4)))
    result = cv2.filter2D(spread, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(result * (small.mean() / max(float(result.mean()), 1e-6)), dtype=np.float32)
