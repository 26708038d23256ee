"""Self-blended images: pseudo-fakes of one genuine face, after Shiohara and Yamasaki (arXiv 2204.08376).

A face is blended with a slightly changed copy of itself inside a mask made from its landmarks. What is left
are the traces that every face swap has in common: an edge of blending, two colours, two sharpnesses and
features that do not sit quite where the rest of the face expects them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.crops import Image
from ml_app.training.landmarks import Landmarks

Mask = npt.NDArray[np.float32]

JAW, BROWS, NOSE, EYES, MOUTH = range(17), range(17, 27), range(27, 36), range(36, 48), range(48, 68)
# Regions that are swapped: the whole face, without the jaw, the lower half, the mouth, eyes and nose.
REGIONS: tuple[tuple[int, ...], ...] = (
    (*JAW, *BROWS, *NOSE, *EYES, *MOUTH),
    (*BROWS, *NOSE, *EYES, *MOUTH),
    (*range(2, 15), *NOSE, *MOUTH),
    (*range(4, 13), *MOUTH),
    (*BROWS, *NOSE, *EYES),
)
REGION_SHARES = (0.5, 0.2, 0.15, 0.075, 0.075)
RATIOS = (0.5, 0.75, 1.0, 1.0, 1.0)  # of blending; the paper has 0.25 as well
FOREHEAD = 0.2  # dlib's points end at the brows; a swap reaches above them


def self_blend(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> tuple[Image, Image]:
    """Make a pair from one genuine face.

    Args:
        image: uint8 (H, W, 3) RGB.
        landmarks: float32 (68, 2), pixels of `image`.
        rng: Decides everything; the same state gives the same pair.

    Returns:
        The genuine face (perhaps with other colours) and the pseudo-fake, uint8 (H, W, 3). They are equal
        wherever `face_mask` is zero.
    """
    source, target = image, image
    if rng.random() < 0.5:
        source = _change_look(image, rng)
    else:
        target = _change_look(image, rng)
    source = _shift(source, rng)
    mask = face_mask(image.shape[:2], landmarks, rng)[..., None] * rng.choice(RATIOS)
    blended = source.astype(np.float32) * mask + target.astype(np.float32) * (1 - mask)
    return target, np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def face_mask(shape: Sequence[int], landmarks: Landmarks, rng: np.random.Generator) -> Mask:
    """A soft mask of a face or a part of it.

    Args:
        shape: Height and width.
        landmarks: float32 (68, 2), pixels.
        rng: Chooses the region, its deformation and the softness of its edge.

    Returns:
        float32 (H, W), 0..1.
    """
    points = landmarks.copy()
    raised = points[list(BROWS)]
    raised[:, 1] -= rng.uniform(0, FOREHEAD) * (points[8, 1] - raised[:, 1].min())
    points[list(BROWS)] = raised
    region = REGIONS[rng.choice(len(REGIONS), p=REGION_SHARES)]
    hull = cv2.convexHull(points[list(region)].round().astype(np.int32))
    filled = np.zeros(tuple(shape), dtype=np.float32)
    cv2.fillConvexPoly(filled, hull, 1.0)
    mask: npt.NDArray[Any] = _deform(filled, rng)
    side = max(shape)
    if rng.random() < 0.5:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(rng.integers(1, side // 24)) + 1,) * 2)
        mask = cv2.erode(mask, kernel) if rng.random() < 0.7 else cv2.dilate(mask, kernel)
    mask = cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.008, 0.05))
    top = float(mask.max())
    return np.asarray(mask / top if top > 0 else mask, dtype=np.float32)


def _deform(mask: Mask, rng: np.random.Generator) -> Mask:
    height, width = mask.shape
    coarse = rng.normal(0, 0.02, size=(4, 4, 2)).astype(np.float32) * max(height, width)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(cv2.remap(mask, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR), np.float32)


def _change_look(image: Image, rng: np.random.Generator) -> Image:
    """Change colours, and sharpness or resolution, as a generator or a colour transfer would."""
    pixels = image.astype(np.float32)
    pixels += rng.uniform(-18, 18, size=3).astype(np.float32)
    contrast = rng.uniform(0.88, 1.12)
    pixels = (pixels - pixels.mean()) * contrast + pixels.mean() + rng.uniform(-10, 10)
    if rng.random() < 0.5:
        grey = pixels.mean(axis=2, keepdims=True)
        pixels = grey + (pixels - grey) * rng.uniform(0.7, 1.3)
    changed = np.clip(pixels, 0, 255).astype(np.uint8)
    return _change_frequencies(changed, rng)


def _change_frequencies(image: Image, rng: np.random.Generator) -> Image:
    kind = rng.random()
    if kind < 0.3:
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        amount = rng.uniform(0.3, 1.0)
        return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), dtype=np.uint8)
    if kind < 0.8:
        height, width = image.shape[:2]
        factor = rng.uniform(1.3, 4.0)
        small = cv2.resize(
            image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA
        )
        mode = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[rng.choice(3, p=(0.5, 0.35, 0.15))]
        return np.asarray(cv2.resize(small, (width, height), interpolation=mode), dtype=np.uint8)
    return image


def _shift(image: Image, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    scale = rng.uniform(0.95, 1.05)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-2, 2), scale)
    turn[:, 2] += rng.uniform(-0.03, 0.03) * width, rng.uniform(-0.015, 0.015) * height
    moved = cv2.warpAffine(
        image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, dtype=np.uint8)
