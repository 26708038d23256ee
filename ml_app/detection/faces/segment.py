"""Look at a stretch of sampled frames, each near the faces of the one before. Runs in child processes.

A stretch is the work of one process, so that several can be looked at side by side: where to look in a frame
follows from the frame before it, which makes a stretch one chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_app.detection.checkpoints.files import Preprocessing
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import Located, scaled
from ml_app.detection.faces.frame_faces import Before, Look, look

WHOLE_EVERY = 5  # frames one is searched as a whole, the others near the faces of the frame before
CLEAR_SCORE = 0.3  # a person must be seen this clearly at least once: most of what is no face scores below


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which frames these are, and what is known before they are looked at."""

    first: int  # number of the first of them in the sample
    thorough_every: int  # frames one is searched more finely than the others
    level: int  # of the search: as fine as the smallest person seen so far needs
    last: Look | None = None  # at the frame before, if there is one to go on from


def look_through(
    images: Sequence[Image], scale: float, preprocessing: Preprocessing, stretch: Stretch
) -> list[Look]:
    """Find the faces of neighbouring frames.

    Args:
        images: uint8 (H, W, 3) RGB each, upright, C-contiguous.
        scale: Size of the images as a share of the full-size frame, 0..1.
        preprocessing: The checkpoint's.
        stretch: Which frames they are.
    """
    level, last = stretch.level, stretch.last
    looks = []
    for number, image in enumerate(images, stretch.first):
        thorough = number % stretch.thorough_every == 0
        before = None
        if last is not None and last.sightings and not thorough and number % WHOLE_EVERY:
            before = _before(last, scale)
        levels = max(level, int(thorough)), max(level, 1 + thorough)
        last = look(image, scale, preprocessing, levels, before)
        level = finer(level, last)
        looks.append(last)
    return looks


def finer(level: int, seen: Look) -> int:
    """The level of the search from now on, after what a frame has shown."""
    return max([level, *(face.level for face in seen.sightings if face.score >= CLEAR_SCORE)])


def _before(seen: Look, scale: float) -> Before:
    sightings = seen.sightings
    faces = tuple(Located(scaled(sighting.box, scale), sighting.score) for sighting in sightings)
    return Before(seen.signature, faces, tuple(sighting.miniature for sighting in sightings))
