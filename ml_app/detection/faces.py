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
from ml_app.detection.looking import Look, Sighting

MAX_PEOPLE = 8
THOROUGH = 8  # frames, evenly, are searched more finely than the others


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
        cancelled: Asked before each frame.

    Raises:
        Cancelled: `cancelled` said so.
        DetectionError: A face detection process crashed or hung; or what `frames` raises.
    """
    waiting: deque[tuple[float, Future[Look]]] = deque()
    times: list[float] = []
    looks: list[Look] = []
    level = 0  # of the search; as fine as the smallest person seen so far needs

    def collect() -> None:
        nonlocal level
        time_s, future = waiting.popleft()
        looks.append(future.result())
        clear = [found.level for found in looks[-1].sightings if found.score >= following.CLEAR_SCORE]
        level = max(level, *clear, 0)
        times.append(time_s)
        on_frame(len(looks))

    try:
        for number, frame in enumerate(frames):
            if cancelled():
                raise Cancelled
            thorough = number % max(1, count // THOROUGH) == 0
            first, last = max(level, thorough), max(level, 1 + thorough)
            future = pool.submit(looking.look, frame.image, frame.scale, preprocessing, first, last)
            waiting.append((frame.time_s, future))
            if len(waiting) > pool.processes + 1:
                collect()
        while waiting:
            if cancelled():
                raise Cancelled
            collect()
    finally:
        for _, future in waiting:
            future.cancel()
    return _together(looks, times, preprocessing, pool)


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
