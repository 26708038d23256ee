"""Shapes as distances: each function tells how far points are from a surface, negative within it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Point = tuple[Array, Array, Array]  # x to the right, y up, z towards who looks; a head is about one wide
Triple = tuple[float, float, float]


def length(*parts: Array) -> Array:
    """Of vectors."""
    squares: Array = sum((part * part for part in parts[1:]), parts[0] * parts[0])
    return np.sqrt(squares)


def ellipsoid(at: Point, centre: Triple, radii: Triple) -> Array:
    """Nearly the distance: exact on the surface, and good enough to walk along."""
    x, y, z = (part - middle for part, middle in zip(at, centre, strict=True))
    once = length(x / radii[0], y / radii[1], z / radii[2])
    twice = length(x / radii[0] ** 2, y / radii[1] ** 2, z / radii[2] ** 2)
    return once * (once - 1) / np.maximum(twice, 1e-6)


def capsule(at: Point, start: Triple, end: Triple, radii: tuple[float, float]) -> Array:
    """A rod with round ends, one of which may be thicker."""
    way = [b - a for a, b in zip(start, end, strict=True)]
    from_start = [part - a for part, a in zip(at, start, strict=True)]
    along: Array = sum(
        (part * step for part, step in zip(from_start[1:], way[1:], strict=True)), from_start[0] * way[0]
    )
    share = np.clip(along / sum(step * step for step in way), 0, 1)
    beside = [part - share * step for part, step in zip(from_start, way, strict=True)]
    return length(*beside) - (radii[0] + (radii[1] - radii[0]) * share)


def joined(one: Array, other: Array, softness: float) -> Array:
    """Both, with a rounded seam."""
    near = np.maximum(softness - np.abs(one - other), 0) / softness
    return np.minimum(one, other) - near * near * softness / 4


def without(one: Array, other: Array, softness: float) -> Array:
    """One with the other taken out, with a rounded seam."""
    return -joined(-one, other, softness)


def mirrored(at: Point) -> Point:
    """What has two sides is told for the right one."""
    return np.abs(at[0]), at[1], at[2]


def mottle(at: Point, scale: float, seed: int) -> Array:
    """Smooth irregularity from -1 to 1, the finer the larger `scale`."""
    random = np.random.default_rng(seed)
    found = np.zeros_like(at[0])
    for _ in range(6):
        way = random.normal(size=3)
        way *= scale * random.uniform(0.6, 1.6) / np.linalg.norm(way)
        found += np.sin(
            float(way[0]) * at[0] + float(way[1]) * at[1] + float(way[2]) * at[2] + random.uniform(0, 6.28)
        )
    return found / 6
