"""A person as a camera sees them: rays are followed to the surface, and lamps light it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.project.drawn.colours import Paint, paint
from tests.project.drawn.people import Person, Pose, distance, in_head, parts
from tests.project.drawn.shapes import Array, Point, Triple, length

CAMERA: Triple = (0.0, -0.32, 6.0)
REACH = 1.62  # half of what is seen at the distance of the head
NEAR, FAR, CLOSE, STEPS = 4.4, 8.5, 0.002, 60
# Where each lamp stands, its colour and strength; the first casts shadows.
LAMPS: tuple[tuple[Triple, Triple, float], ...] = (
    ((-0.55, 0.55, 0.75), (1.0, 0.95, 0.88), 1.05),
    ((0.8, 0.1, 0.5), (0.55, 0.65, 0.8), 0.35),
    ((0.4, 0.6, -0.8), (0.9, 0.9, 1.0), 0.35),
)
AROUND: Triple = (0.34, 0.36, 0.40)  # what light comes from everywhere
Distance = Callable[[Point], Array]


def render(person: Person, pose: Pose, size: int) -> tuple[Array, Array]:
    """Head and shoulders: (size, size, 3) in linear light, and which pixels they cover: (size, size)."""
    directions = _directions(size)

    def nearest(at: Point) -> Array:
        return distance(at, person, pose)

    travelled, is_hit = _follow(directions, nearest)
    seen = np.flatnonzero(is_hit)
    at = _along(CAMERA, [part[seen] for part in directions], travelled[seen])
    normals = _normals(at, nearest)
    kinds = parts(at, person, pose).argmin(axis=0)
    painted = paint(in_head(at, pose), kinds, person, pose)
    colour = np.zeros((size * size, 3), np.float32)
    colour[seen] = _lit(at, normals, [-part[seen] for part in directions], painted, nearest)
    return colour.reshape(size, size, 3), is_hit.reshape(size, size).astype(np.float32)


def _directions(size: int) -> list[Array]:
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    across = ((columns + 0.5) / size * 2 - 1) * REACH / CAMERA[2]
    up = (1 - (rows + 0.5) / size * 2) * REACH / CAMERA[2]
    forward = -np.ones_like(across)
    whole = length(across, up, forward)
    return [(part / whole).ravel() for part in (across, up, forward)]


def _along(start: Triple, directions: list[Array], travelled: Array) -> Point:
    x, y, z = (begin + part * travelled for begin, part in zip(start, directions, strict=True))
    return x, y, z


def _follow(directions: list[Array], nearest: Distance) -> tuple[Array, Array]:
    """How far each ray goes, and which of them meet the person."""
    travelled = np.full(len(directions[0]), NEAR, np.float32)
    is_hit = np.zeros(len(travelled), bool)
    on_its_way = np.arange(len(travelled))
    for _ in range(STEPS):
        at = _along(CAMERA, [part[on_its_way] for part in directions], travelled[on_its_way])
        left = nearest(at)
        arrived = left < CLOSE
        is_hit[on_its_way[arrived]] = True
        travelled[on_its_way] += np.where(arrived, 0, left * 0.85)
        on_its_way = on_its_way[~arrived & (travelled[on_its_way] < FAR)]
        if not len(on_its_way):
            break
    return travelled, is_hit


def _moved(at: Point, way: list[Array] | Triple, by: float) -> Point:
    x, y, z = (part + step * by for part, step in zip(at, way, strict=True))
    return x, y, z


def _normals(at: Point, nearest: Distance) -> list[Array]:
    """Which way the surface looks."""
    axes: tuple[Triple, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    slopes = [nearest(_moved(at, axis, 0.004)) - nearest(_moved(at, axis, -0.004)) for axis in axes]
    whole = np.maximum(length(*slopes), 1e-6)
    return [slope / whole for slope in slopes]


def _openness(at: Point, normals: list[Array], nearest: Distance) -> Array:
    """How much of the light from around reaches a point; folds are darker."""
    found = np.ones_like(at[0])
    for reach, weight in ((0.06, 0.5), (0.15, 0.35), (0.32, 0.25)):
        found -= weight * np.clip(1 - nearest(_moved(at, normals, reach)) / reach, 0, 1)
    return np.clip(found, 0.15, 1)


def _shadow(at: Point, normals: list[Array], lamp: Triple, nearest: Distance) -> Array:
    """How much of a lamp's light reaches a point, with soft edges."""
    found, start = np.ones_like(at[0]), _moved(at, normals, 0.02)
    for step in range(9):
        way = 0.05 + 0.13 * step
        found = np.minimum(found, np.clip(0.5 + 3.5 * nearest(_moved(start, lamp, way)) / way, 0, 1))
    return 0.25 + 0.75 * found


def _lit(at: Point, normals: list[Array], view: list[Array], painted: Paint, nearest: Distance) -> Array:
    openness = _openness(at, normals, nearest)[:, None]
    found = painted.colour * np.array(AROUND, np.float32) * openness
    # Red goes farther through skin than green and blue do.
    wraps = [painted.wrap * share for share in (1, 0.45, 0.35)]
    for number, (place, colour, strength) in enumerate(LAMPS):
        whole = float(np.linalg.norm(place))
        lamp = (place[0] / whole, place[1] / whole, place[2] / whole)
        facing = sum((normals[i] * lamp[i] for i in (1, 2)), normals[0] * lamp[0])
        matt = np.stack([np.clip((facing + wrap) / (1 + wrap), 0, 1) for wrap in wraps], axis=-1)
        half = [part + side for part, side in zip(view, lamp, strict=True)]
        mirror = sum((normals[i] * half[i] for i in (1, 2)), normals[0] * half[0]) / length(*half)
        gleam = painted.gloss * np.clip(mirror, 0, 1) ** painted.sharpness * np.clip(facing * 3, 0, 1)
        light = (painted.colour * matt + gleam[:, None]) * np.array(colour, np.float32) * strength
        found += light * (_shadow(at, normals, lamp, nearest)[:, None] if number == 0 else 1)
    return found * (0.55 + 0.45 * openness)
