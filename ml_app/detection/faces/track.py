"""Follow each person through the sampled frames: by place and looks, by face where these are not enough."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.frame_faces import FrameFaces, Sighting, alike, same_shot
from ml_app.detection.faces.segment import CLEAR_SCORE

NEAR = 0.6  # of a face's size: a person's centre moves less than this between two frames of one shot
GROWTH = 1.6  # a face grows or shrinks less than this between two frames of one shot
SAME_FACE = 0.55  # distance of descriptors; dlib's threshold is 0.6, but strangers of one group come near it
SAMPLES = 3  # descriptors of a person that a face is compared with
CLEAR_ONCE = 0.8  # and this clearly where seen only once

Descriptor = npt.NDArray[np.float32]
Describe = Callable[[Sequence[Sighting]], Sequence[Descriptor]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting and when it was."""

    frame: int  # position in the sequence of sampled frames
    time_s: float
    sighting: Sighting


@dataclass(slots=True, eq=False)
class _Track:
    seen: list[Seen] = field(default_factory=list)

    @property
    def last(self) -> Seen:
        return self.seen[-1]


def follow(by_frame: Sequence[FrameFaces], times: Sequence[float], describe: Describe) -> list[list[Seen]]:
    """Put the sightings of each person together.

    Args:
        by_frame: What each sampled frame showed, in order of time.
        times: When each of these frames is shown, seconds.
        describe: Embeds faces, 128 numbers each; slow, so only called where position does not decide.

    Returns:
        One list for each person, in order of first appearance. What was probably no face is left out.
    """
    descriptors = _Faces(describe)
    tracks: list[_Track] = []
    for index, (faces, time_s) in enumerate(zip(by_frame, times, strict=True)):
        fresh = [Seen(index, time_s, sighting) for sighting in faces.sightings]
        placed = _certain(tracks, fresh, by_frame)
        for track, seen in placed:
            track.seen.append(seen)
        taken = {id(track) for track, _ in placed}
        rest = [seen for seen in fresh if all(seen is not other for _, other in placed)]
        for seen, found in _by_face([t for t in tracks if id(t) not in taken], rest, descriptors):
            if found is None:
                tracks.append(_Track([seen]))
            else:
                found.seen.append(seen)
    return [track.seen for track in tracks if _is_person(track, len(by_frame))]


def _certain(
    tracks: Sequence[_Track], fresh: Sequence[Seen], by_frame: Sequence[FrameFaces]
) -> list[tuple[_Track, Seen]]:
    """Pairs that are one person's for certain and that no other track or sighting could claim.

    Either they are near each other and no cut could have changed the person, or they look so alike that it
    does not matter where they are. Pairs of which both holds go first, so that many people close together,
    or people who resemble each other, need not be described only because one of the two holds for several.
    """
    nears = [
        (track, seen)
        for track in tracks
        for seen in fresh
        if _near(track.last.sighting, seen.sighting) and _same_shot(track.last, seen, by_frame)
    ]
    both = _unrivalled([(track, seen) for track, seen in nears if _alike(track, seen)])
    placed = {id(one) for pair in both for one in pair}
    near = {(id(track), id(seen)) for track, seen in nears}
    left = [
        (track, seen)
        for track in tracks
        if id(track) not in placed
        for seen in fresh
        if id(seen) not in placed and ((id(track), id(seen)) in near or _alike(track, seen))
    ]
    return both + _unrivalled(left)


def _alike(track: _Track, seen: Seen) -> bool:
    return alike(track.last.sighting.miniature, seen.sighting.miniature)


def _unrivalled(pairs: Sequence[tuple[_Track, Seen]]) -> list[tuple[_Track, Seen]]:
    """The pairs whose track and whose sighting are in no other pair."""
    times = Counter(id(one) for pair in pairs for one in pair)
    return [(track, seen) for track, seen in pairs if times[id(track)] == times[id(seen)] == 1]


def _by_face(
    tracks: Sequence[_Track], fresh: Sequence[Seen], faces: _Faces
) -> list[tuple[Seen, _Track | None]]:
    """The nearest pairs of faces, each track and each sighting once; None for a face not seen before."""
    faces.prepare(
        [*fresh, *(seen for track in tracks for seen in _samples(track))] if tracks and fresh else []
    )
    distances = sorted(
        (
            (faces.distance(seen, track), number, row)
            for row, seen in enumerate(fresh)
            for number, track in enumerate(tracks)
        ),
    )
    chosen: dict[int, _Track] = {}
    used: set[int] = set()
    for distance, number, row in distances:
        if distance < SAME_FACE and number not in used and row not in chosen:
            chosen[row] = tracks[number]
            used.add(number)
    return [(seen, chosen.get(row)) for row, seen in enumerate(fresh)]


class _Faces:
    """Descriptors, each computed once."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._known: dict[int, Descriptor] = {}  # by identity of the sighting, which the frames keep alive

    def prepare(self, wanted: Iterable[Seen]) -> None:
        """Compute what is not known yet, together."""
        missing = list(
            {id(s.sighting): s.sighting for s in wanted if id(s.sighting) not in self._known}.values()
        )
        if missing:
            for sighting, descriptor in zip(missing, self._describe(missing), strict=True):
                self._known[id(sighting)] = descriptor

    def distance(self, seen: Seen, track: _Track) -> float:
        """How unlike a face is to a person: the least distance to a few sightings of that person."""
        mine = self._known[id(seen.sighting)]
        return min(float(np.linalg.norm(mine - self._known[id(s.sighting)])) for s in _samples(track))


def _samples(track: _Track) -> list[Seen]:
    # The first and the latest sightings: few, so that a long track costs no more than a short one.
    return [track.seen[0], *track.seen[1:][-(SAMPLES - 1) :]]


def _near(one: Sighting, other: Sighting) -> bool:
    size, other_size = one.box.width + one.box.height, other.box.width + other.box.height
    across = (one.box.left + one.box.right - other.box.left - other.box.right) / 2
    down = (one.box.top + one.box.bottom - other.box.top - other.box.bottom) / 2
    mean = (size + other_size) / 4
    return math.hypot(across, down) < NEAR * mean and max(size, other_size) < GROWTH * min(size, other_size)


def _same_shot(one: Seen, other: Seen, by_frame: Sequence[FrameFaces]) -> bool:
    return same_shot(by_frame[one.frame].signature, by_frame[other.frame].signature)


def _is_person(track: _Track, frames: int) -> bool:
    best = max(seen.sighting.score for seen in track.seen)
    once = len(track.seen) == 1 and frames > 1
    return best >= (CLEAR_ONCE if once else CLEAR_SCORE)
