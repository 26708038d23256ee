"""Self-blended clips: pseudo-fakes of one genuine clip whose blend holds still, drifts or flickers.

The extension of self-blended images to sequences. Real manipulations are made frame by frame, so that what
they leave moves against the face in time: a swap that sits still on a moving head, one that slides and
changes its light slowly, and one that trembles and lets go for single frames. The genuine twin shows the
same footage with the same look all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.fakes.blending import Blend, blend_by, draw_blend
from ml_app.training.fakes.photometric import PhotometricChange

Manner = Literal["still", "drift", "flicker"]
MANNERS: tuple[Manner, ...] = ("still", "drift", "flicker")
LETS_GO = 0.08  # chance that a flickering blend is not there for a frame
TREMBLE = 0.008  # how far a flickering copy jumps, sigma, of the side
LEAST_RATIO = 0.5  # weaker blends would leave too little to see moving


def blend_clip(
    images: Sequence[Image], landmarks: Sequence[Landmarks], rng: np.random.Generator, manner: Manner
) -> tuple[list[Image], list[Image]]:
    """Make a pair of clips from one genuine clip.

    Args:
        images: Crops in order of time, uint8 (H, W, 3) RGB.
        landmarks: Of each, float32 (68, 2), pixels of the crop.
        rng: Decides everything.
        manner: How the blend behaves in time.

    Returns:
        The genuine clip (perhaps with other colours, the same all the time) and the pseudo-fake.
    """
    first = draw_blend(rng)
    first = replace(first, ratio=max(first.ratio, LEAST_RATIO))
    blends = blends_of(first, len(images), rng, manner)
    pairs = [blend_by(*shown) for shown in zip(images, landmarks, blends, strict=True)]
    return [genuine for genuine, _ in pairs], [fake for _, fake in pairs]


def blends_of(first: Blend, count: int, rng: np.random.Generator, manner: Manner) -> list[Blend]:
    """The blend of each frame: `first`, the way from it to another, or `first` trembling."""
    if manner == "still":
        return [first] * count
    if manner == "flicker":
        return [_trembled(first, rng) for _ in range(count)]
    last = draw_blend(rng)
    there_and_back = bool(rng.random() < 0.5)
    places = np.linspace(0, 2 if there_and_back else 1, count)
    shares = 0.5 - 0.5 * np.cos(np.pi * places)  # slow at both ends
    return [_between(first, last, float(share)) for share in shares]


def _trembled(blend: Blend, rng: np.random.Generator) -> Blend:
    across, down = rng.normal(0, TREMBLE, size=2)
    ratio = 0.0 if rng.random() < LETS_GO else blend.ratio * float(rng.uniform(0.6, 1.0))
    trembling = replace(
        blend,
        move=(blend.move[0] + float(across), blend.move[1] + float(down)),
        scale=(blend.scale[0] * float(rng.uniform(0.99, 1.01)), blend.scale[1]),
        field=blend.field + rng.normal(0, 0.008, size=blend.field.shape).astype(np.float32),
        ratio=ratio,
    )
    if not blend.look_on_source:
        return trembling  # the genuine twin must not flicker
    return replace(
        trembling, look=replace(blend.look, brightness=blend.look.brightness + float(rng.normal(0, 4)))
    )


def _between(first: Blend, last: Blend, share: float) -> Blend:
    look = first.look
    if first.look_on_source:
        look = _look_between(first.look, last.look, share)
    field: npt.NDArray[np.float32] = first.field + np.float32(share) * (last.field - first.field)
    return replace(
        first,
        look=look,
        field=field,
        move=_mix(first.move, last.move, share),
        scale=_mix(first.scale, last.scale, share),
        turn=first.turn + share * (last.turn - first.turn),
    )


def _look_between(first: PhotometricChange, last: PhotometricChange, share: float) -> PhotometricChange:
    red, green, blue = (a + share * (b - a) for a, b in zip(first.shift, last.shift, strict=True))
    return replace(
        first,
        shift=(red, green, blue),
        brightness=first.brightness + share * (last.brightness - first.brightness),
        contrast=first.contrast + share * (last.contrast - first.contrast),
    )


def _mix(first: tuple[float, float], last: tuple[float, float], share: float) -> tuple[float, float]:
    return first[0] + share * (last[0] - first[0]), first[1] + share * (last[1] - first[1])
