"""Drawings of photographed faces: what a detector of drawn faces learns from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.drawn import figures, ink, painting

Style = Callable[[Image, Landmarks, np.random.Generator], Image]


def _flat(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    calm = painting.smooth(image, 3, rng)
    return painting.flat_colours(calm, int(rng.integers(4, 8)), rng)


def _oil(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    painted = painting.oil(image, int(rng.integers(5, 9)))
    return painting.saturate(painting.oil(painted, 4), rng.uniform(0.9, 1.5))


# uint8 (S, S, 3) RGB crops with their landmarks in pixels; whoever sees one calls it drawn or painted
STYLES: dict[str, Style] = {
    "anime": figures.anime,
    "cartoon": lambda image, landmarks, rng: figures.cartoon(image, rng),
    "coloured pencil": lambda image, landmarks, rng: ink.pencil(image, rng, coloured=True),
    "figure": figures.figure,
    "flat colours": _flat,
    "half-tone": lambda image, landmarks, rng: ink.halftone(image, rng),
    "hatching": lambda image, landmarks, rng: ink.hatching(image, rng),
    "oil": _oil,
    "pen": lambda image, landmarks, rng: ink.pen(image, rng),
    "pencil": lambda image, landmarks, rng: ink.pencil(image, rng, coloured=False),
    "polygons": lambda image, landmarks, rng: painting.polygons(image, rng),
    "strokes": lambda image, landmarks, rng: painting.strokes(image, rng),
    "watercolour": lambda image, landmarks, rng: painting.watercolour(image, rng),
}
