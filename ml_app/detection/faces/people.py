"""Find the people of a video: their faces in the sampled frames, followed and cut out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.errors import Cancelled
from ml_app.detection.faces import frame_faces, track, upright
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.finder import USUAL, FinderName
from ml_app.detection.faces.frame_faces import FrameFaces, Sighting
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.faces.segment import WHOLE_EVERY, Segment, find_in_segment, finer
from ml_app.detection.faces.track import Descriptor, Seen

MAX_PEOPLE = 24  # are judged: those who are seen most often
REVISION = 5  # of what is found; raise it when that changes, so that nobody measures with crops of before
THOROUGH = 4  # frames, evenly, are searched more finely than the others
AHEAD = 3  # segments that are looked at beside each other; the level of the next is what earlier ones tell


class Frame(Protocol):
    """A decoded frame, as `video` gives it."""

    @property
    def time_s(self) -> float:
        """When it is shown, seconds."""

    @property
    def image(self) -> Image:
        """uint8 (H, W, 3) RGB, upright, C-contiguous."""

    @property
    def scale(self) -> float:
        """Size of `image` as a share of the full-size frame, 0..1."""


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who was found."""

    persons: tuple[tuple[Seen, ...], ...]  # in order of first appearance; sightings in order of time
    frames_looked_at: int
    frames_with_faces: int  # with one of these persons
    notes: tuple[str, ...]  # codes
    turn: int = 0  # degrees clockwise that would put the people upright


def find_people(
    frames: Iterable[Frame],
    preprocessing: Preprocessing,
    pool: FacePool,
    *,
    count: int,
    found_by: FinderName = USUAL,
    on_frame: Callable[[int], None] = lambda done: None,
    on_faces: Callable[[FrameFaces], None] = lambda faces: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> People:
    """Find everybody in the sampled frames of a video.

    Frames are handed on one by one and not kept; at most a few are in memory.

    Args:
        frames: In order of time.
        preprocessing: The checkpoint's.
        pool: Where the looking is done.
        count: How many frames there will be at most.
        found_by: Who finds the faces.
        on_frame: Called with the number of frames that were looked at.
        on_faces: Called with what each of them showed, in order of time; not all of it is a person.
        cancelled: Asked before each frame.

    Raises:
        Cancelled: `cancelled` said so.
        DetectionError: A face detection process crashed or hung; or what `frames` raises.
    """
    search = _Search(
        preprocessing, pool, count=count, found_by=found_by, on_frame=on_frame, on_faces=on_faces
    )
    try:
        for frame in frames:
            if cancelled():
                raise Cancelled
            search.add(frame)
        search.send()
        while search.waiting:
            if cancelled():
                raise Cancelled
            search.collect()
    finally:
        for future in search.waiting:
            future.cancel()
    return _together(search.by_frame, search.times, preprocessing, pool)


class _Search:
    """Has segment after segment searched, with what the segments before have shown.

    What is known when a frame is looked at follows from its number alone: so what is found does not depend
    on how fast anything is, or on the number of processes.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        pool: FacePool,
        *,
        count: int,
        found_by: FinderName,
        on_frame: Callable[[int], None],
        on_faces: Callable[[FrameFaces], None],
    ) -> None:
        self._preprocessing, self._pool = preprocessing, pool
        self._on_frame, self._on_faces, self._found_by = on_frame, on_faces, found_by
        self._thorough_every = max(1, count // THOROUGH)
        # Nothing is handed on from frame to frame where nobody is followed.
        self._length = WHOLE_EVERY if preprocessing.faces == "followed" else 1
        self._level = 0
        self._frames: list[Frame] = []  # of the segment that is being filled
        self._sent = 0  # segments
        self.waiting: deque[Future[list[FrameFaces]]] = deque()
        self.times: list[float] = []
        self.by_frame: list[FrameFaces] = []

    def add(self, frame: Frame) -> None:
        """The next frame. The first is a segment of its own: what it shows is of use to all others."""
        self._frames.append(frame)
        self.times.append(frame.time_s)
        if len(self.times) == 1 or len(self.times) % self._length == 0:
            self.send()

    def send(self) -> None:
        """Have the frames that have come since looked at."""
        if not self._frames:
            return
        while self._sent and (len(self.waiting) >= AHEAD or not self.by_frame):
            self.collect()
        first = len(self.times) - len(self._frames)
        last = self.by_frame[-1] if len(self.by_frame) == first and self.by_frame else None
        segment = Segment(first, self._thorough_every, self._level, last, self._found_by)
        images = [frame.image for frame in self._frames]
        scale = self._frames[0].scale
        self.waiting.append(self._pool.submit(find_in_segment, images, scale, self._preprocessing, segment))
        self._frames = []
        self._sent += 1

    def collect(self) -> None:
        """Wait for the oldest segment."""
        for faces in self.waiting.popleft().result():
            self._level = finer(self._level, faces)
            self.by_frame.append(faces)
            self._on_faces(faces)
            self._on_frame(len(self.by_frame))


def _together(
    by_frame: Sequence[FrameFaces], times: Sequence[float], preprocessing: Preprocessing, pool: FacePool
) -> People:
    if preprocessing.faces == "first_found":
        persons = [_everything(by_frame, times)]
    else:
        persons = track.follow(by_frame, times, lambda sightings: _describe(sightings, pool))
    persons = [person for person in persons if person]
    notes = []
    if len(persons) > MAX_PEOPLE:
        notes.append(f"more_people:{len(persons) - MAX_PEOPLE}")
        most_seen = sorted(persons, key=len, reverse=True)[:MAX_PEOPLE]
        persons = [person for person in persons if any(person is kept for kept in most_seen)]
    with_faces = {seen.frame for person in persons for seen in person}
    turn = upright.agreed(faces.turn for faces in by_frame)
    return People(tuple(map(tuple, persons)), len(by_frame), len(with_faces), tuple(notes), turn)


def _everything(by_frame: Sequence[FrameFaces], times: Sequence[float]) -> list[Seen]:
    return [
        Seen(index, time_s, sighting)
        for index, (faces, time_s) in enumerate(zip(by_frame, times, strict=True))
        for sighting in faces.sightings
    ]


def _describe(sightings: Sequence[Sighting], pool: FacePool) -> list[Descriptor]:
    futures = [pool.submit(frame_faces.describe, sighting.chip) for sighting in sightings]
    return [future.result() for future in futures]
