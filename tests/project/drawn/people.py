"""People who do not exist: what they look like, how they hold their heads, and their shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tests.project.drawn.shapes import (
    Array,
    Point,
    Triple,
    capsule,
    ellipsoid,
    joined,
    length,
    mirrored,
    without,
)

EYE: Triple = (0.285, 0.06, 0.60)
EYE_RADIUS = 0.15
LOWER_LID = math.radians(-17)
PIVOT = 0.9  # so far below the middle of the head lies the joint that it turns about
SKIN, EYES, HAIR, CLOTH = range(4)  # what a surface is of


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody looks like. Colours are linear light, red, green and blue."""

    skin: Triple
    hair: Triple
    iris: Triple
    cloth: Triple
    lips: Triple
    jaw: float  # half its width
    nose: float  # how wide
    has_long_hair: bool


@dataclass(frozen=True, slots=True)
class Pose:
    """How somebody holds the head: angles in radians, and how far mouth, lids and eyes have moved."""

    yaw: float
    pitch: float
    roll: float
    mouth: float
    lid: float
    gaze: float

    @property
    def upper_lid(self) -> float:
        """The angle at which it ends."""
        return math.radians(24) * (1 - self.lid) + math.radians(-12) * self.lid


PEOPLE = (
    Person(
        skin=(0.80, 0.56, 0.44),
        hair=(0.13, 0.08, 0.05),
        iris=(0.25, 0.36, 0.42),
        cloth=(0.16, 0.22, 0.30),
        lips=(0.62, 0.28, 0.25),
        jaw=0.60,
        nose=1.0,
        has_long_hair=False,
    ),
    Person(
        skin=(0.50, 0.31, 0.21),
        hair=(0.035, 0.025, 0.02),
        iris=(0.16, 0.09, 0.05),
        cloth=(0.42, 0.20, 0.14),
        lips=(0.42, 0.19, 0.17),
        jaw=0.57,
        nose=1.12,
        has_long_hair=True,
    ),
)


def pose_at(time_s: float, number: int) -> Pose:
    """How the person of a number holds the head at a time: they look about, blink and talk."""
    sin = math.sin
    blink = max(0.0, 1 - abs((time_s + 1.3 * number) % 2.6 - 1.5) / 0.13)
    talk = 0.035 * max(0.0, sin(time_s * 9 + number) * sin(time_s * 3.1 + 2 * number))
    return Pose(
        yaw=0.24 * sin(time_s * 1.3 + 1.9 * number) + (-0.10 if number else 0.10),
        pitch=0.07 * sin(time_s * 1.7 + number) + 0.03,
        roll=0.05 * sin(time_s * 0.9 + number),
        mouth=talk + 0.012 * max(0.0, sin(time_s * 14)),
        lid=blink,
        gaze=0.25 * sin(time_s * 0.8 + number),
    )


def in_head(at: Point, pose: Pose) -> Point:
    """Points as the head has them that is turned."""
    x, y, z = at[0], at[1] + PIVOT, at[2]
    c, s = math.cos(pose.roll), math.sin(pose.roll)
    x, y = c * x + s * y, c * y - s * x
    c, s = math.cos(pose.pitch), math.sin(pose.pitch)
    y, z = c * y + s * z, c * z - s * y
    c, s = math.cos(pose.yaw), math.sin(pose.yaw)
    x, z = c * x - s * z, s * x + c * z
    return x, y - PIVOT, z


def parts(at: Point, person: Person, pose: Pose) -> Array:
    """The distances from skin, eyes, hair and cloth, in this order: (4, points)."""
    head = in_head(at, pose)
    neck = capsule(at, (0, -0.6, -0.18), (0, -1.9, -0.35), (0.40, 0.46))
    skin = joined(_skin(head, person, pose), neck, 0.12)
    x, y, z = mirrored(head)
    eyes = length(x - EYE[0], y - EYE[1], z - EYE[2]) - EYE_RADIUS
    return np.stack([skin, eyes, _hair(head, person), ellipsoid(at, (0, -2.35, -0.35), (1.75, 0.85, 0.75))])


def distance(at: Point, person: Person, pose: Pose) -> Array:
    """From whatever of the person is nearest."""
    nearest: Array = parts(at, person, pose).min(axis=0)
    return nearest


def _skin(at: Point, person: Person, pose: Pose) -> Array:
    skin = _lips(_nose(_skull(at, person, pose), at, person), at, pose)
    skin = _lids(skin, at, pose)
    both = mirrored(at)
    ear = ellipsoid(both, (0.77, -0.02, -0.10), (0.075, 0.22, 0.15))
    ear = without(ear, ellipsoid(both, (0.84, 0.0, -0.04), (0.05, 0.13, 0.08)), 0.05)
    return joined(skin, ear, 0.06)


def _skull(at: Point, person: Person, pose: Pose) -> Array:
    both, mouth = mirrored(at), pose.mouth
    head = ellipsoid(at, (0, 0.28, -0.12), (0.76, 0.86, 0.94))
    head = joined(head, ellipsoid(at, (0, -0.32 - 0.4 * mouth, 0.13), (person.jaw, 0.72, 0.66)), 0.30)
    head = joined(head, ellipsoid(at, (0, -0.93 - mouth, 0.46), (0.21, 0.15, 0.19)), 0.25)
    head = joined(head, ellipsoid(both, (0.37, -0.17, 0.47), (0.22, 0.17, 0.20)), 0.22)
    head = joined(head, capsule(both, (0.12, 0.235, 0.735), (0.46, 0.22, 0.54), (0.06, 0.05)), 0.14)
    return without(head, ellipsoid(both, (0.285, 0.07, 0.86), (0.20, 0.12, 0.17)), 0.14)


def _nose(skin: Array, at: Point, person: Person) -> Array:
    both, wide = mirrored(at), person.nose
    skin = joined(skin, capsule(at, (0, 0.17, 0.735), (0, -0.25, 0.965), (0.055, 0.095 * wide)), 0.10)
    skin = joined(skin, ellipsoid(both, (0.105 * wide, -0.285, 0.85), (0.075, 0.065, 0.09)), 0.06)
    return without(skin, ellipsoid(both, (0.06 * wide, -0.345, 0.90), (0.032, 0.022, 0.045)), 0.03)


def bow(x: Array) -> Array:
    """How far the upper lip's edge rises above a straight one."""
    aside = np.abs(x)
    return 0.022 * np.exp(-(((aside - 0.065) / 0.05) ** 2)) - 0.012 * (aside / 0.2) ** 2


def _lips(skin: Array, at: Point, pose: Pose) -> Array:
    x, y, z = at
    mouth = pose.mouth
    skin = joined(skin, ellipsoid(at, (0, -0.58 - mouth * 0.3, 0.60), (0.28, 0.20, 0.20)), 0.12)
    upper = ellipsoid((x, y - bow(x), z), (0, -0.535, 0.775), (0.235, 0.05, 0.075))
    lower = ellipsoid(at, (0, -0.645 - mouth, 0.765), (0.20, 0.062, 0.08))
    lips = np.minimum(joined(skin, upper, 0.035), joined(skin, lower, 0.035))
    gap = ellipsoid(at, (0, -0.59 - mouth * 0.5, 0.84), (0.20, 0.010 + mouth * 0.55, 0.12))
    return without(lips, gap, 0.02)


def lid_edge(x: Array, y: Array, z: Array, angle: float, bend: float) -> Array:
    """How far points about an eye are above the edge of a lid; it bends towards the corners."""
    corner = np.minimum(1.2 * (x / EYE_RADIUS) ** 2, 1.2)
    return y * math.cos(angle) - z * math.sin(angle) * (1 - bend * corner)


def _lids(skin: Array, at: Point, pose: Pose) -> Array:
    x, y, z = (part - middle for part, middle in zip(mirrored(at), EYE, strict=True))
    shell = length(x, y, z) - (EYE_RADIUS + 0.022)
    upper = np.maximum(shell, -0.8 * lid_edge(x, y, z, pose.upper_lid, 0.55))
    lower = np.maximum(shell, 0.8 * lid_edge(x, y, z, LOWER_LID, 0.5))
    return joined(joined(skin, upper, 0.02), lower, 0.03)


def strands(at: Point) -> Array:
    """How far the hair stands out from its smooth shape."""
    x, y, z = at
    turn = np.arctan2(x, z + 0.2)
    return 0.012 * np.sin(turn * 38 + 3 * np.sin(y * 5)) + 0.008 * np.sin(turn * 83 + 5 * y)


def _hair(at: Point, person: Person) -> Array:
    x, y, z = at
    hair = ellipsoid(at, (0, 0.36, -0.17), (0.86, 0.90, 1.0))
    hairline = 0.74 - 0.9 * np.abs(x) ** 2.2 + 0.06 * np.sin(x * 9 + 1)
    front = z - 0.28 if person.has_long_hair else z - 0.02 + 0.25 * (y - 0.3)
    hair = np.maximum(hair, np.minimum(front, hairline - y) * 0.7)  # the face stays free
    if person.has_long_hair:
        side = ellipsoid(mirrored(at), (0.70, -0.55, -0.25), (0.24, 0.95, 0.42))
        hair = joined(hair, side, 0.15)
    else:
        hair = np.maximum(hair, np.where(z > -0.3, (0.15 * np.abs(x) - 0.12 - y) * 0.7, -0.7 - y))
    return hair - strands(at)
