"""Find the faces of a segment: neighbouring sampled frames, each searched near the faces of the one before.

A segment is the work of one process, so that several can be looked at side by side: where to look in a frame
follows from the frame before it, which makes a segment one chain. Runs in child processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import Located, scaled
from ml_app.detection.faces.finder import USUAL, FinderName
from ml_app.detection.faces.frame_faces import FrameFaces, PreviousFrame, find_faces

WHOLE_EVERY = 5  # frames one is searched as a whole, the others near the faces of the frame before
CLEAR_SCORE = 0.3  # a person must be seen this clearly at least once: most of what is no face scores below


@dataclass(frozen=True, slots=True)
class Segment:
    """Which frames these are, and what is known before they are looked at."""

    first: int  # number of the first of them in the sample
    thorough_every: int  # frames one is searched more finely than the others
    level: int  # of the search: as fine as the smallest person seen so far needs
    last: FrameFaces | None = None  # at the frame before, if there is one to go on from
    found_by: FinderName = USUAL


def find_in_segment(
    images: Sequence[Image], scale: float, preprocessing: Preprocessing, segment: Segment
) -> list[FrameFaces]:
    """Find the faces of neighbouring frames.

    Args:
        images: uint8 (H, W, 3) RGB each, upright, C-contiguous.
        scale: Size of the images as a share of the full-size frame, 0..1.
        preprocessing: The checkpoint's.
        segment: Which frames they are.
    """
    level, last = segment.level, segment.last
    by_frame = []
    for number, image in enumerate(images, segment.first):
        thorough = number % segment.thorough_every == 0
        before = None
        if last is not None and last.sightings and not thorough and number % WHOLE_EVERY:
            before = _before(last, scale)
        levels = max(level, int(thorough)), max(level, 1 + thorough)
        last = find_faces(
            image,
            scale,
            preprocessing,
            levels,
            before,
            found_by=segment.found_by,
            ask_turn=thorough and segment.found_by != "hog",  # which finds only what stands
        )
        level = finer(level, last)
        by_frame.append(last)
    return by_frame


def finer(level: int, seen: FrameFaces) -> int:
    """The level of the search from now on, after what a frame has shown."""
    return max([level, *(face.level for face in seen.sightings if face.score >= CLEAR_SCORE)])


def _before(seen: FrameFaces, scale: float) -> PreviousFrame:
    sightings = seen.sightings
    faces = tuple(Located(scaled(sighting.box, scale), sighting.score) for sighting in sightings)
    return PreviousFrame(seen.signature, faces, tuple(sighting.miniature for sighting in sightings))
