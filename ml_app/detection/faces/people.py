"""Find the people of a video: their faces in the sampled frames, followed and cut out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces import frame_faces, track, upright
from ml_app.detection.faces.finder import USUAL, FinderName
from ml_app.detection.faces.frame_faces import FrameFaces, Sighting
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.faces.search import Frame, Search
from ml_app.detection.faces.track import Descriptor, Seen
from ml_app.detection.video.sampling import times_between

MAX_PEOPLE = 24  # are judged: those who are seen most often
REVISION = 6  # of what is found; raise it when that changes, so that nobody measures with crops of before
ROUNDS = 3  # of looking at most, the first among them: each asks for no more frames than lack a face
ENOUGH = 0.9  # of the frames that were ordered: where so many show somebody, no others are looked at


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who was found."""

    persons: tuple[tuple[Seen, ...], ...]  # in order of first appearance; sightings in order of time
    frames_looked_at: int
    frames_with_faces: int  # with one of these persons
    notes: tuple[str, ...]  # codes
    turn: int = 0  # degrees clockwise that would put the people upright
    # Where `further` moments were looked at: the same persons with what those have shown, and when all
    # frames are shown. No more persons: who was seen at no other moment than those is nobody's.
    together: tuple[tuple[Seen, ...], ...] = ()
    times: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Footage:
    """Where further frames of a video come from.

    `frames_at`: moments in seconds, rising → the frames shown then, but for those that were given before.
    """

    frames_at: Callable[[Sequence[float]], Iterable[Frame]]
    duration_s: float
    frame_rate: float  # frames a second; 0 where it is not known


@dataclass(frozen=True, slots=True)
class Further:
    """Moments that are looked at besides, for others than the detector itself: see `People.together`."""

    frames_at: Callable[[Sequence[float]], Iterable[Frame]]
    times: Sequence[float]


def find_people(
    frames: Iterable[Frame],
    preprocessing: Preprocessing,
    pool: FacePool,
    *,
    count: int,
    footage: Footage | None = None,
    further: Further | None = None,
    found_by: FinderName = USUAL,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    on_faces: Callable[[FrameFaces], None] = lambda faces: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> People:
    """Find everybody in the sampled frames of a video.

    Where too few of them show somebody, others are looked at about those that do, `ROUNDS` times at most.
    Frames are handed on one by one and not kept; at most a few are in memory.

    Args:
        frames: In order of time.
        preprocessing: The checkpoint's.
        pool: Where the looking is done.
        count: How many frames there will be at most, and how many are to show somebody.
        footage: Where further frames come from; None looks at no others.
        further: What is looked at besides, last, once somebody was seen; it changes nothing of the rest.
        found_by: Who finds the faces.
        on_frame: Called with how many frames were looked at, and how many there are to look at so far.
        on_faces: Called with what each of them showed, in order of looking; not all of it is a person.
        cancelled: Asked before each frame.

    Raises:
        Cancelled: `cancelled` said so.
        DetectionError: A face detection process crashed or hung; or what `frames` raises.
    """
    looks = _Looks(preprocessing, pool, found_by, on_frame, on_faces)
    looks.look(frames, count, cancelled)
    people, ordered = looks.people(), len(looks.times)
    for _ in range(ROUNDS - 1):
        wanted = _wanted(people, looks.times, count, footage)
        if footage is None or not wanted:
            break
        looks.look(footage.frames_at(wanted), len(wanted), cancelled)
        people = looks.people()
    if more := len(looks.times) - ordered:
        people = replace(people, notes=(*people.notes, f"looked_again:{more}"))
    if further is None or not further.times or not people.persons or people.turn:
        return replace(people, together=people.persons, times=tuple(looks.times))
    looks.on_faces = lambda faces: None
    looks.look(further.frames_at(further.times), len(further.times), cancelled)
    together = _joined(people.persons, looks.people().persons)
    return replace(people, together=together, times=tuple(looks.times))


def _joined(
    persons: Sequence[tuple[Seen, ...]], wider: Sequence[tuple[Seen, ...]]
) -> tuple[tuple[Seen, ...], ...]:
    """The same persons, each with what a wider look has found of them besides."""
    owner = {id(seen.sighting): number for number, person in enumerate(persons) for seen in person}
    joined = [list(person) for person in persons]
    for person in wider:
        votes = [owner[id(seen.sighting)] for seen in person if id(seen.sighting) in owner]
        if votes:
            mine = max(sorted(set(votes)), key=votes.count)
            joined[mine] += [seen for seen in person if id(seen.sighting) not in owner]
    return tuple(tuple(sorted(person, key=lambda seen: seen.time_s)) for person in joined)


def _wanted(people: People, times: Sequence[float], count: int, footage: Footage | None) -> Sequence[float]:
    """Moments to look at besides. None where nobody was seen, enough is known, or the video has no more."""
    found = people.frames_with_faces
    if footage is None or people.turn or len(times) < count or not 0 < found < ENOUGH * count:
        return ()
    with_faces = {seen.frame for person in people.persons for seen in person}
    shown = [number in with_faces for number in range(len(times))]
    return times_between(times, shown, count - found, footage.duration_s, footage.frame_rate)


class _Looks:
    """What one look after the other has shown, in order of time."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        pool: FacePool,
        found_by: FinderName,
        on_frame: Callable[[int, int], None],
        on_faces: Callable[[FrameFaces], None],
    ) -> None:
        self._preprocessing, self._pool, self._found_by = preprocessing, pool, found_by
        self._on_frame, self.on_faces = on_frame, on_faces
        self._level = 0
        self._descriptors: dict[int, Descriptor] = {}  # by identity of the sighting, kept in `by_frame`
        self.times: list[float] = []
        self.by_frame: list[FrameFaces] = []

    def look(self, frames: Iterable[Frame], count: int, cancelled: Callable[[], bool]) -> None:
        """Look at frames that were not looked at before, `count` of them at most."""
        before = len(self.times)
        search = Search(
            self._preprocessing,
            self._pool,
            count=count,
            level=self._level,
            found_by=self._found_by,
            on_frame=lambda done: self._on_frame(before + done, before + count),
            on_faces=self.on_faces,
        )
        search.look(frames, cancelled)
        self._level = search.level
        times, by_frame = [*self.times, *search.times], [*self.by_frame, *search.by_frame]
        order = sorted(range(len(times)), key=times.__getitem__)
        self.times, self.by_frame = [times[i] for i in order], [by_frame[i] for i in order]
        if before:  # fewer may have come
            self._on_frame(len(self.times), len(self.times))

    def people(self) -> People:
        """Everybody who was found so far."""
        persons = [person for person in self._persons() if person]
        notes = []
        if len(persons) > MAX_PEOPLE:
            notes.append(f"more_people:{len(persons) - MAX_PEOPLE}")
            most_seen = sorted(persons, key=len, reverse=True)[:MAX_PEOPLE]
            persons = [person for person in persons if any(person is kept for kept in most_seen)]
        with_faces = {seen.frame for person in persons for seen in person}
        # A single frame decides alone, but only where nobody stands in it.
        least = 1 if len(self.by_frame) == 1 and not persons else upright.LEAST_FRAMES
        turn = upright.agreed((faces.turn for faces in self.by_frame), least)
        return People(tuple(map(tuple, persons)), len(self.by_frame), len(with_faces), tuple(notes), turn)

    def _persons(self) -> list[list[Seen]]:
        if self._preprocessing.faces == "first_found":
            return [_everything(self.by_frame, self.times)]
        return track.follow(self.by_frame, self.times, self._describe)

    def _describe(self, sightings: Sequence[Sighting]) -> list[Descriptor]:
        unknown = [sighting for sighting in sightings if id(sighting) not in self._descriptors]
        futures = [self._pool.submit(frame_faces.describe, sighting.chip) for sighting in unknown]
        for sighting, future in zip(unknown, futures, strict=True):
            self._descriptors[id(sighting)] = future.result()
        return [self._descriptors[id(sighting)] for sighting in sightings]


def _everything(by_frame: Sequence[FrameFaces], times: Sequence[float]) -> list[Seen]:
    return [
        Seen(index, time_s, sighting)
        for index, (faces, time_s) in enumerate(zip(by_frame, times, strict=True))
        for sighting in faces.sightings
    ]
