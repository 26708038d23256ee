"""What colour each point of a person has, how it shines, and how far light goes around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.project.drawn.people import (
    CLOTH,
    EYE,
    EYE_RADIUS,
    EYES,
    HAIR,
    Person,
    Pose,
    bow,
    lid_edge,
    strands,
)
from tests.project.drawn.shapes import Array, Point, Triple, length, mottle

DARK: Triple = (0.05, 0.03, 0.03)


@dataclass(frozen=True, slots=True)
class Paint:
    """Of many points."""

    colour: Array  # (points, 3), linear light
    gloss: Array
    sharpness: Array  # of the gloss
    wrap: Array  # how far around light reaches: skin lets it through

    def where(self, these: Array, other: Paint) -> Paint:
        """The other paint on these points."""
        return Paint(
            np.where(these[:, None], other.colour, self.colour),
            np.where(these, other.gloss, self.gloss),
            np.where(these, other.sharpness, self.sharpness),
            np.where(these, other.wrap, self.wrap),
        )


def paint(at: Point, kinds: Array, person: Person, pose: Pose) -> Paint:
    """
    Args:
        at: Points as the head has them.
        kinds: What each is of: `SKIN`, `EYES`, `HAIR` or `CLOTH`.
    """
    found = _skin(at, person, pose)
    found = found.where(kinds == EYES, _eyes(at, person, pose))
    found = found.where(kinds == HAIR, _hair(at, person))
    return found.where(kinds == CLOTH, _cloth(at, person))


def _even(number: int, colour: Triple) -> Array:
    return np.repeat(np.array([colour], np.float32), number, axis=0)


def _over(colour: Array, share: Array, other: Triple) -> Array:
    """A thin coat of another colour."""
    return colour * (1 - share[:, None]) + np.array(other, np.float32) * share[:, None]


def _skin(at: Point, person: Person, pose: Pose) -> Paint:
    x, y, z = at
    aside = np.abs(x)
    mottled = 1 + 0.05 * (mottle(at, 9, 1) + mottle(at, 32, 2) + mottle(at, 90, 3))
    colour = _even(len(x), person.skin) * mottled[:, None]
    cheek = 0.7 * np.exp(-((aside - 0.40) ** 2 + (y + 0.24) ** 2) / 0.03)
    blush = cheek + 0.6 * np.exp(-(x**2 + (y + 0.27) ** 2) / 0.012)
    colour *= 1 - np.stack([0.02 * blush, 0.16 * blush, 0.14 * blush], axis=-1)
    lips = _lips(at, pose)
    colour = _over(colour, 0.8 * lips, person.lips)
    between = np.abs(y + 0.593 + pose.mouth * 0.5) < 0.008 + pose.mouth * 0.45
    colour = _over(colour, 0.75 * (between & (aside < 0.19) & (z > 0.5) & (z < 0.84)), DARK)
    colour = _over(colour, 0.85 * _brows(at), person.hair)
    colour = _over(colour, 0.8 * _lashes(at, pose), DARK)
    gloss = 0.09 * (1 + 0.3 * mottle(at, 60, 9)) + 0.12 * lips
    return Paint(colour, gloss, np.where(lips > 0, 30.0, 18.0), np.full_like(x, 0.45))


def _lips(at: Point, pose: Pose) -> Array:
    x, y, z = at
    aside = np.abs(x)
    upper = np.exp(-((aside / 0.21) ** 6)) * (np.abs(y + 0.542 - bow(x)) < 0.045 * (1 - (aside / 0.25) ** 2))
    lower = np.exp(-((aside / 0.19) ** 6)) * (
        np.abs(y + 0.645 + pose.mouth) < 0.052 * (1 - (aside / 0.22) ** 2)
    )
    return np.clip((upper + lower) * (z > 0.5), 0, 1)


def _brows(at: Point) -> Array:
    x, y, z = at
    aside = np.abs(x)
    line = 0.245 + 0.05 * np.sin(np.clip((aside - 0.12) / 0.36, 0, 1) * 2.6)
    within = (aside > 0.11) & (aside < 0.47) & (z > 0.3)
    hairs = 0.9 + 0.1 * np.sin(aside * 310 + y * 160)
    return np.exp(-(((y - line) / 0.030) ** 4)) * within * np.clip((0.49 - aside) / 0.1, 0, 1) * hairs


def _lashes(at: Point, pose: Pose) -> Array:
    x, y, z = np.abs(at[0]) - EYE[0], at[1] - EYE[1], at[2] - EYE[2]
    edge = lid_edge(x, y, z, pose.upper_lid, 0.55)
    on_rim = (np.abs(edge - 0.004) < 0.013) & (length(x, y, z) < EYE_RADIUS + 0.05) & (z > 0.02)
    return on_rim.astype(np.float32)


def _eyes(at: Point, person: Person, pose: Pose) -> Paint:
    x, y, _z = at
    across = x - np.sign(x) * EYE[0] - pose.gaze * EYE_RADIUS
    up = y - EYE[1] + 0.012
    radius = length(across, up)
    corner = np.clip(np.abs(np.abs(x) - EYE[0]) / EYE_RADIUS, 0, 1) ** 2
    white = _even(len(x), (0.78, 0.75, 0.72)) * (1 - 0.35 * corner)[:, None]
    spokes = (0.75 + 0.25 * np.sin(np.arctan2(up, across) * 23)) * (0.6 + 0.8 * np.clip(radius / 0.066, 0, 1))
    rim = np.clip((0.078 - radius) / 0.02, 0.25, 1)
    iris = _even(len(x), person.iris) * (spokes * rim)[:, None]
    share = np.clip((0.072 - radius) / 0.008, 0, 1)[:, None]
    colour = white * (1 - share) + iris * share
    colour = _over(colour, np.clip((0.030 - radius) / 0.006, 0, 1), (0.01, 0.01, 0.01))
    return Paint(colour, np.full_like(x, 0.9), np.full_like(x, 150.0), np.full_like(x, 0.1))


def _hair(at: Point, person: Person) -> Paint:
    streaks = np.clip(1 + 28 * strands(at) + 0.25 * mottle(at, 25, 5), 0.35, 1.9)
    colour = _even(len(streaks), person.hair) * streaks[:, None]
    return Paint(colour, 0.12 * streaks, np.full_like(streaks, 14.0), np.full_like(streaks, 0.1))


def _cloth(at: Point, person: Person) -> Paint:
    x, y, _z = at
    weave = 1 + 0.12 * np.sin(x * 70) * np.sin(y * 70) + 0.1 * mottle(at, 20, 6)
    colour = _even(len(x), person.cloth) * weave[:, None]
    return Paint(colour, np.full_like(x, 0.01), np.full_like(x, 14.0), np.full_like(x, 0.1))
