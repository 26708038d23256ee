"""Search the frames of one sample for faces, neighbours together and several such stretches side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Protocol

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.errors import Cancelled
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.finder import FinderName
from ml_app.detection.faces.frame_faces import FrameFaces
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.faces.segment import WHOLE_EVERY, Segment, find_in_segment, finer

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


class Search:
    """Has segment after segment of a sample searched, with what the segments before have shown.

    What is known when a frame is looked at follows from its number alone: so what is found does not depend
    on how fast anything is, or on the number of processes.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        pool: FacePool,
        *,
        count: int,
        level: int,
        found_by: FinderName,
        on_frame: Callable[[int], None],
        on_faces: Callable[[FrameFaces], None],
    ) -> None:
        """Begin.

        Args:
            preprocessing: The checkpoint's.
            pool: Where the looking is done.
            count: How many frames there will be at most.
            level: Of the finder, to begin with.
            found_by: Who finds the faces.
            on_frame: Called with the number of frames that were looked at.
            on_faces: Called with what each of them showed, in order of time.
        """
        self._preprocessing, self._pool = preprocessing, pool
        self._on_frame, self._on_faces, self._found_by = on_frame, on_faces, found_by
        self._thorough_every = max(1, count // THOROUGH)
        # Nothing is handed on from frame to frame where nobody is followed.
        self._length = WHOLE_EVERY if preprocessing.faces == "followed" else 1
        self.level = level
        self._frames: list[Frame] = []  # of the segment that is being filled
        self._sent = 0  # segments
        self._waiting: deque[Future[list[FrameFaces]]] = deque()
        self.times: list[float] = []
        self.by_frame: list[FrameFaces] = []

    def look(self, frames: Iterable[Frame], cancelled: Callable[[], bool]) -> None:
        """Look at all frames, in order of time.

        Raises:
            Cancelled: `cancelled` said so; it is asked before each frame.
            DetectionError: A face detection process crashed or hung; or what `frames` raises.
        """
        try:
            for frame in frames:
                if cancelled():
                    raise Cancelled
                self._add(frame)
            self._send()
            while self._waiting:
                if cancelled():
                    raise Cancelled
                self._collect()
        finally:
            for future in self._waiting:
                future.cancel()

    def _add(self, frame: Frame) -> None:
        """The next frame. The first is a segment of its own: what it shows is of use to all others."""
        self._frames.append(frame)
        self.times.append(frame.time_s)
        if len(self.times) == 1 or len(self.times) % self._length == 0:
            self._send()

    def _send(self) -> None:
        """Have the frames that have come since looked at."""
        if not self._frames:
            return
        while self._sent and (len(self._waiting) >= AHEAD or not self.by_frame):
            self._collect()
        first = len(self.times) - len(self._frames)
        last = self.by_frame[-1] if len(self.by_frame) == first and self.by_frame else None
        segment = Segment(first, self._thorough_every, self.level, last, self._found_by)
        images = [frame.image for frame in self._frames]
        scale = self._frames[0].scale
        self._waiting.append(self._pool.submit(find_in_segment, images, scale, self._preprocessing, segment))
        self._frames = []
        self._sent += 1

    def _collect(self) -> None:
        """Wait for the oldest segment."""
        for faces in self._waiting.popleft().result():
            self.level = finer(self.level, faces)
            self.by_frame.append(faces)
            self._on_faces(faces)
            self._on_frame(len(self.by_frame))
