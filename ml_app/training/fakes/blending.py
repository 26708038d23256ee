"""Self-blended images: pseudo-fakes of one genuine face, after Shiohara and Yamasaki (arXiv 2204.08376).

A face is blended with a slightly changed copy of itself inside a mask made from its landmarks. What is left
are the traces that every face swap has in common: an edge of blending, two colours, two sharpnesses and
features that do not sit quite where the rest of the face expects them.

Everything that chance decides stands in a `Blend`, so that the frames of a clip can share it, see
`blended_clips`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.fakes.photometric import PhotometricChange, apply_change, draw_change

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
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # of blending
FOREHEAD = 0.2  # dlib's points end at the brows; a swap reaches above them
SOFTNESS = (0.008, 0.04)  # sigma of the mask's two filters, of the side
WHOLE = 0.99  # what the first filter leaves below this is cut off


@dataclass(frozen=True, slots=True)
class Blend:
    """How a face is blended with itself. Lengths are shares of the picture's side."""

    region: int  # of REGIONS
    raised: float  # how far the mask reaches over the brows, of the face's height
    field: npt.NDArray[np.float32]  # (4, 4, 2): the elastic deformation of the mask
    softness: tuple[float, float]  # sigmas of the two filters
    ratio: float  # how much of the copy is seen, 0..1
    look: PhotometricChange
    look_on_source: bool  # the changed colours are those of the face put in, or of its surroundings
    scale: tuple[float, float]  # of the copy, across and down
    turn: float  # degrees
    move: tuple[float, float]  # across and down


def draw_blend(rng: np.random.Generator) -> Blend:
    """Draw a blend, with the paper's ranges for ratio, scale and shift."""
    look_on_source = bool(rng.random() < 0.5)
    return Blend(
        look_on_source=look_on_source,
        look=draw_change(rng),
        scale=(float(rng.uniform(0.95, 1.05)), float(rng.uniform(0.95, 1.05))),
        turn=float(rng.uniform(-2, 2)),
        move=(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.015, 0.015))),
        raised=float(rng.uniform(0, FOREHEAD)),
        region=int(rng.choice(len(REGIONS), p=REGION_SHARES)),
        field=rng.normal(0, 0.02, size=(4, 4, 2)).astype(np.float32),
        softness=(float(rng.uniform(*SOFTNESS)), float(rng.uniform(*SOFTNESS))),
        ratio=float(rng.choice(RATIOS)),
    )


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
    return blend_by(image, landmarks, draw_blend(rng))


def blend_by(image: Image, landmarks: Landmarks, blend: Blend) -> tuple[Image, Image]:
    """As `self_blend`, with everything decided."""
    changed = apply_change(image, blend.look)
    source, target = (changed, image) if blend.look_on_source else (image, changed)
    mask = face_mask(image.shape[:2], landmarks, blend)[..., None] * np.float32(blend.ratio)
    moved = _move(source, blend).astype(np.float32)
    blended = moved * mask + target.astype(np.float32) * (1 - mask)
    return target, np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def face_mask(shape: Sequence[int], landmarks: Landmarks, blend: Blend) -> Mask:
    """A soft mask of a face or a part of it.

    The hull of the landmarks is deformed, softened, cut back to where it is whole, and softened again: it
    ends up smaller than the hull where the first filter is the wider one, and larger where the second is.

    Args:
        shape: Height and width.
        landmarks: float32 (68, 2), pixels.
        blend: Region, deformation and softness.

    Returns:
        float32 (H, W), 0..1; its highest value is 1.
    """
    points = landmarks.copy()
    raised = points[list(BROWS)]
    raised[:, 1] -= blend.raised * (points[8, 1] - raised[:, 1].min())
    points[list(BROWS)] = raised
    hull = cv2.convexHull(points[list(REGIONS[blend.region])].round().astype(np.int32))
    filled = np.zeros(tuple(shape), dtype=np.float32)
    cv2.fillConvexPoly(filled, hull, 1.0)
    first, second = (sigma * max(shape) for sigma in blend.softness)
    deformed = _deform(filled, blend.field)
    inner: npt.NDArray[Any] = cv2.GaussianBlur(deformed, (0, 0), first)
    inner = np.where(inner >= WHOLE, inner, 0).astype(np.float32)
    mask = cv2.GaussianBlur(inner if inner.any() else deformed, (0, 0), second)
    top = float(mask.max())
    return np.asarray(mask / top if top > 0 else mask, dtype=np.float32)


def _deform(mask: Mask, coarse: npt.NDArray[np.float32]) -> Mask:
    height, width = mask.shape
    field = cv2.resize(coarse * max(height, width), (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = (x + field[..., 0], y + field[..., 1])
    # Replicated, for a hull that reaches the border goes on beyond it.
    moved = cv2.remap(mask, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def _move(image: Image, blend: Blend) -> Image:
    height, width = image.shape[:2]
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), blend.turn, 1.0), [0, 0, 1]])
    across, down = blend.scale
    stretch = np.array([[across, 0, (1 - across) * width / 2], [0, down, (1 - down) * height / 2], [0, 0, 1]])
    matrix = (turn @ stretch)[:2]
    matrix[:, 2] += blend.move[0] * width, blend.move[1] * height
    moved = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, dtype=np.uint8)
