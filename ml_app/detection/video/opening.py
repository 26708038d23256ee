"""Videos and pictures: open, probe, decode the sampled frames. A child process decodes (see `sandbox`).

    with open_video(path) as video:
        for frame in video.frames(Sampling("even"), 40):
            ...

Needs neither torch nor FFmpeg in this process.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.findings import Kind, Limits, VideoInfo
from ml_app.detection.verdict import MIN_FACE_SIDE
from ml_app.detection.video.errors import video_error
from ml_app.detection.video.kinds import SAYING_LENGTH, SAYINGS
from ml_app.detection.video.sampling import sample_times
from ml_app.detection.video.sandbox import Sandbox

if TYPE_CHECKING:  # a page that only probes needs none of them
    from ml_app.detection.checkpoints.metadata import Sampling

Image = npt.NDArray[np.uint8]

NOTES = {
    "fewer_frames_than_requested": "The video has fewer frames than were asked for; all of them were used.",
    "keyframes_only": "Some frames are the nearest keyframe or lie near it instead of at the exact moment.",
    "decoded_partially": "Parts of the file are damaged or missing; what could be decoded was used.",
}
DEFAULT_LIMITS = Limits()
_MAX_SIDE_RATIO = 64  # of a frame's two sides; more is not a picture of people


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame.

    `index`: 0, 1, 2, ... in the order in which frames are handed out. `time_s`: seconds from the start of the
    video. `image`: uint8 RGB (H, W, 3), upright, with square pixels, C-contiguous; every frame of a video has
    the same shape. `scale`: pixels of `image` per pixel of the upright frame that `VideoInfo` describes; at
    most 1.
    """

    index: int
    time_s: float
    image: Image
    scale: float


def turned(frames: Iterable[Frame], degrees: int) -> Iterator[Frame]:
    """The same frames, turned clockwise by 0, 90, 180 or 270 degrees."""
    for frame in frames:
        image = np.ascontiguousarray(np.rot90(frame.image, k=-degrees // 90)) if degrees else frame.image
        yield replace(frame, image=image)


def probe(path: Path, limits: Limits = DEFAULT_LIMITS) -> VideoInfo:
    """What the file says of itself, after one frame of it was decoded.

    Raises:
        VideoError: With a code of `errors.MESSAGES`.
    """
    with open_video(path, limits) as video:
        return video.info


@contextmanager
def open_video(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Video]:
    """A video whose decoding process lives until the block is left.

    Leave the block in the thread that entered it: the process is tied to it.

    Raises:
        VideoError: The file cannot be analysed. `frames` raises it as well.
    """
    descriptor = _open_file(path, limits)
    try:
        sandbox = Sandbox(descriptor, limits)
    finally:
        os.close(descriptor)
    try:
        yield Video(sandbox, limits)
    finally:
        sandbox.close()


def _open_file(path: Path, limits: Limits) -> int:
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise video_error("unreadable_file", error.strerror or "") from error
    status = os.fstat(descriptor)
    code = None
    if not stat.S_ISREG(status.st_mode):
        code = "unreadable_file"
    elif status.st_size == 0:
        code = "empty_file"
    elif status.st_size > limits.max_file_bytes:
        code = "too_large"
    if code:
        os.close(descriptor)
        raise video_error(code, f"{status.st_size} bytes, at most {limits.max_file_bytes}")
    return descriptor


class Video:
    """An open video. Made by `open_video`."""

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._notes: set[str] = set()
        self._times: list[float] = []  # when the frames are shown that were handed out
        self._answering = False
        self.decode_seconds = 0.0
        """Wall-clock seconds that the child has worked so far, from its start, without waiting for us."""
        self.decoded_frames = 0
        """Frames decoded so far, including those that were only decoded to get to a sampled one."""
        self.info = self._read_info()

    @property
    def notes(self) -> tuple[str, ...]:
        """Codes of `NOTES`, sorted; complete once all frames have been read."""
        return tuple(sorted(self._notes))

    def frames(self, sampling: Sampling, count: int, max_side: int | None = 1920) -> Iterator[Frame]:
        """The sampled frames in order of time, one at a time; of a picture the one. May be called once.

        The child works on the next frame while the caller is busy with this one, and waits from then on, so
        that about three frames are in memory whatever the video's length. The time that a caller takes does
        not count against `Limits.wall_seconds`. Read them to their end before you ask for others.

        Args:
            sampling: Which frames; a part of the checkpoint.
            count: How many. Fewer come where the video has fewer, see `notes`.
            max_side: Longest side of the images in pixels; larger frames are scaled down, smaller ones are
                left. None: full size.

        Raises:
            VideoError: The file cannot be decoded.
        """
        if self._times:
            raise RuntimeError("frames() may be called once; frames_at() gives others")
        times = None
        if sampling.pattern != "first":
            times = sample_times(sampling, count, self.info.duration_s, self.info.frame_rate)
        self._ask(times, count, max_side)
        return self._sample(count, max_side)

    def frames_at(self, times: Sequence[float], max_side: int | None = 1920) -> Iterator[Frame]:
        """Further frames: those shown at some moments, but for any that were handed out before.

        Args:
            times: Seconds from the start of the video, rising; at least one.
            max_side: As in `frames`.

        Raises:
            VideoError: The file cannot be decoded.
        """
        self._ask(times, len(times), max_side)
        return self._receive(len(times), max_side)

    def _ask(self, times: Sequence[float] | None, count: int, max_side: int | None) -> None:
        if self._answering:
            raise RuntimeError("read the frames that you asked for to their end first")
        self._answering = True
        height, width = self._shape(max_side)
        self._sandbox.send({"width": width, "height": height, "count": count, "times": times})

    def _shape(self, max_side: int | None) -> tuple[int, int]:
        scale = self._scale(max_side)
        return max(1, round(self.info.height * scale)), max(1, round(self.info.width * scale))

    def _scale(self, max_side: int | None) -> float:
        return min(1.0, max_side / max(self.info.width, self.info.height)) if max_side else 1.0

    def _sample(self, count: int, max_side: int | None) -> Iterator[Frame]:
        yield from self._receive(count, max_side)
        if not self._times:
            raise video_error("no_frames")
        if len(self._times) < count and self.info.kind is Kind.VIDEO:
            self._notes.add("fewer_frames_than_requested")

    def _receive(self, count: int, max_side: int | None) -> Iterator[Frame]:
        previous, scale, shape = -math.inf, self._scale(max_side), (*self._shape(max_side), 3)
        known = frozenset(self._times)
        for asked in range(count + 1):
            message = self._sandbox.receive()
            self._account(message)
            if "done" in message:
                break
            time_s = self._sandbox.number(message, "time", low=previous)
            if asked == count:
                raise self._sandbox.garbage("more frames than asked for")
            image = np.empty(shape, np.uint8)
            self._sandbox.receive_into(image)
            previous = time_s
            if time_s not in known:
                self._times.append(time_s)
                yield Frame(len(self._times) - 1, time_s, image, scale)
        self._answering = False

    def _account(self, message: dict[str, Any]) -> None:
        self.decode_seconds = self._sandbox.number(message, "seconds")
        self.decoded_frames = int(self._sandbox.number(message, "decoded"))
        self._notes.update(note for note in message.get("notes", ()) if note in NOTES)

    def _read_info(self) -> VideoInfo:
        message = self._sandbox.receive()
        self._account(message)
        number = self._sandbox.number
        info = VideoInfo(
            container=_word(message.get("container")),
            codec=_word(message.get("codec")),
            width=int(number(message, "width", low=1, high=1 << 20)),
            height=int(number(message, "height", low=1, high=1 << 20)),
            duration_s=number(message, "duration"),
            frame_rate=number(message, "frame_rate"),
            frame_count=int(number(message, "frame_count")),
            rotation=int(number(message, "rotation", high=270)),
            has_audio=bool(message.get("has_audio")),
            kind=Kind.PICTURE if message.get("kind") == Kind.PICTURE else Kind.VIDEO,
            file_says=_sayings(message.get("file_says")),
        )
        longest, shortest = max(info.width, info.height), min(info.width, info.height)
        if info.width * info.height > self._limits.max_pixels or longest > shortest * _MAX_SIDE_RATIO:
            raise video_error("too_many_pixels", f"{info.width}x{info.height}")
        if shortest < MIN_FACE_SIDE:
            raise video_error("too_few_pixels", f"{info.width}x{info.height}, at least {MIN_FACE_SIDE} each")
        if info.duration_s > self._limits.max_duration_s:
            raise video_error(
                "too_long", f"{info.duration_s:.0f} s, at most {self._limits.max_duration_s:.0f} s"
            )
        return info


def _sayings(value: object) -> tuple[tuple[str, str], ...]:
    """Known names with short texts that can be printed, whatever the child says."""
    pairs = [pair for pair in value if isinstance(pair, list)] if isinstance(value, list) else []
    known = [(str(pair[0]), str(pair[1])) for pair in pairs if len(pair) == 2 and pair[0] in SAYINGS]
    return tuple((name, "".join(filter(str.isprintable, text))[:SAYING_LENGTH]) for name, text in known)


def _word(value: object) -> str:
    """A short name that is safe to show, whatever the child says."""
    return "".join(c for c in str(value)[:40] if c.isalnum() or c in "_-,. ")
