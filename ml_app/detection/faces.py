"""Find the people of a video: their faces in the sampled frames, followed and cut out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from ml_app.detection import following, looking
from ml_app.detection.checkpoints import Preprocessing
from ml_app.detection.crops import Image
from ml_app.detection.errors import Cancelled
from ml_app.detection.face_pool import FacePool
from ml_app.detection.following import Descriptor, Seen
from ml_app.detection.locating import Located, scaled
from ml_app.detection.looking import Before, Look, Sighting

MAX_PEOPLE = 8
REVISION = 3  # of what is found; raise it when that changes, so that nobody measures with crops of before
THOROUGH = 8  # frames, evenly, are searched more finely than the others
WHOLE_EVERY = 5  # frames one is searched as a whole, the others near the faces of the frame before


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


def find_people(
    frames: Iterable[Frame],
    preprocessing: Preprocessing,
    pool: FacePool,
    *,
    count: int,
    on_frame: Callable[[int], None] = lambda done: None,
    on_look: Callable[[Look], None] = lambda look: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> People:
    """Find everybody in the sampled frames of a video.

    Frames are handed on one by one and not kept; at most a few are in memory.

    Args:
        frames: In order of time.
        preprocessing: The checkpoint's.
        pool: Where the looking is done.
        count: How many frames there will be at most.
        on_frame: Called with the number of frames that were looked at.
        on_look: Called with what each of them showed, in order of time; not all of it is a person.
        cancelled: Asked before each frame.

    Raises:
        Cancelled: `cancelled` said so.
        DetectionError: A face detection process crashed or hung; or what `frames` raises.
    """
    search = _Search(preprocessing, pool, count, on_frame, on_look)
    try:
        for frame in frames:
            if cancelled():
                raise Cancelled
            search.submit(frame)
        while search.waiting:
            if cancelled():
                raise Cancelled
            search.collect()
    finally:
        for _, future in search.waiting:
            future.cancel()
    return _together(search.looks, search.times, preprocessing, pool)


class _Search:
    """Looks at frame after frame, and decides how thoroughly by what the frames before have shown.

    What is known when a frame is looked at follows from its number alone: so what is found does not depend
    on how fast anything is, or on the number of processes.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        pool: FacePool,
        count: int,
        on_frame: Callable[[int], None],
        on_look: Callable[[Look], None],
    ) -> None:
        self._preprocessing, self._pool = preprocessing, pool
        self._on_frame, self._on_look = on_frame, on_look
        self._thorough_every = max(1, count // THOROUGH)
        self._level = 0  # of the search; as fine as the smallest person seen so far needs
        self.waiting: deque[tuple[float, Future[Look]]] = deque()
        self.times: list[float] = []
        self.looks: list[Look] = []

    def submit(self, frame: Frame) -> None:
        """Look at the next frame: as a whole beside the frame before it, or near where that shows faces."""
        number = len(self.looks) + len(self.waiting)
        self._collect_up_to(number - 2)
        thorough = number % self._thorough_every == 0
        before = None
        if not thorough and number % WHOLE_EVERY and self.looks and self.looks[-1].sightings:
            self._collect_up_to(number - 1)
            before = _before(self.looks[-1], frame.scale)
        levels = max(self._level, int(thorough)), max(self._level, 1 + thorough)
        future = self._pool.submit(
            looking.look, frame.image, frame.scale, self._preprocessing, levels, before
        )
        self.waiting.append((frame.time_s, future))

    def _collect_up_to(self, number: int) -> None:
        while len(self.looks) <= number:
            self.collect()

    def collect(self) -> None:
        """Wait for the oldest look."""
        time_s, future = self.waiting.popleft()
        look = future.result()
        clear = [found.level for found in look.sightings if found.score >= following.CLEAR_SCORE]
        self._level = max(self._level, *clear, 0)
        self.looks.append(look)
        self.times.append(time_s)
        self._on_look(look)
        self._on_frame(len(self.looks))


def _before(look: Look, scale: float) -> Before:
    seen = look.sightings
    faces = tuple(Located(scaled(sighting.box, scale), sighting.score) for sighting in seen)
    return Before(look.signature, faces, tuple(sighting.miniature for sighting in seen))


def _together(
    looks: Sequence[Look], times: Sequence[float], preprocessing: Preprocessing, pool: FacePool
) -> People:
    if preprocessing.faces == "first_found":
        persons = [_everything(looks, times)]
    else:
        persons = following.follow(looks, times, lambda sightings: _describe(sightings, pool))
    persons = [person for person in persons if person]
    notes = []
    if len(persons) > MAX_PEOPLE:
        notes.append("more_people")
        most_seen = sorted(persons, key=len, reverse=True)[:MAX_PEOPLE]
        persons = [person for person in persons if any(person is kept for kept in most_seen)]
    with_faces = {seen.frame for person in persons for seen in person}
    return People(tuple(map(tuple, persons)), len(looks), len(with_faces), tuple(notes))


def _everything(looks: Sequence[Look], times: Sequence[float]) -> list[Seen]:
    return [
        Seen(index, time_s, sighting)
        for index, (look, time_s) in enumerate(zip(looks, times, strict=True))
        for sighting in look.sightings
    ]


def _describe(sightings: Sequence[Sighting], pool: FacePool) -> list[Descriptor]:
    futures = [pool.submit(looking.describe, sighting.chip) for sighting in sightings]
    return [future.result() for future in futures]
