"""An open video stream: packets, frames, seeks. Damage is remembered, not raised."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import av

from ml_app.detection.hardware import usable_cores
from ml_app.detection.video.decoder import webp
from ml_app.detection.video.decoder.memory import raise_if_short, tight
from ml_app.detection.video.decoder.picture import Geometry
from ml_app.detection.video.decoder.signature import refusal
from ml_app.detection.video.errors import video_error

# Demuxers that read one file of video and nothing else: no playlists, no pictures, no text, no devices.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "asf",
    "flv",
    "mpegts",
    "mpeg",
    "gif",
    "apng",
    "ogg",
    "mxf",
)
_THREADS = 4  # at most; more cost memory and gain little on the sizes people upload
_UNSTAMPED = ("avi",)  # FFmpeg makes up presentation times, which repeat where frames are reordered
_FINDS_START = ("mov", "matroska")
_CAN_SKIP = ("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video")  # others do it late, or not at all
_PATIENCE = 3000  # packets without a single picture, after which a stream is given up


class Reader:
    """The video stream of a file.

    Attributes: `container_name` and `codec_name` as FFmpeg calls them, `has_audio`, `geometry` of the upright
    frame, `decoded` frames so far, `damaged` if something could not be read, `stamped` if
    packets say when they are shown and not only when they are decoded.
    """

    def __init__(self, descriptor: int, max_pixels: int) -> None:
        self._descriptor = descriptor
        self._max_pixels = max_pixels
        self.decoded = 0
        self.damaged = False
        self._webp = webp.is_webp(descriptor)
        self._animation: BytesIO | None = None  # a WebP, read once
        self._container, self._stream = self._open()
        self.container_name = webp.NAME if self._webp else str(self._container.format.name).split(",")[0]
        self.stamped = self.container_name not in _UNSTAMPED
        self.codec_name = webp.NAME if self._webp else str(self._stream.codec_context.codec.canonical_name)
        self.has_audio = bool(self._container.streams.audio)
        self.geometry = self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def notes(self) -> list[str]:
        """Codes for the parent."""
        return ["decoded_partially"] if self.damaged else []

    # What the container says; may be wrong or missing

    @property
    def start_s(self) -> float | None:
        """Where the container starts, in seconds of its own clock."""
        start = self._container.start_time
        return None if start is None else float(start / av.time_base)

    @property
    def claimed_duration_s(self) -> float | None:
        """How long the container claims to be."""
        duration = self._container.duration
        return None if duration is None else float(duration / av.time_base)

    @property
    def claimed_frame_rate(self) -> float:
        """Average frames a second as the container has it; 0 if it has none or it makes no sense."""
        for rate in (self._stream.average_rate, self._stream.guessed_rate):
            if rate and 0.01 <= rate <= 1000:
                return float(rate)
        return 0.0

    @property
    def claimed_frames(self) -> int:
        """Number of frames as the container has it; 0 if it does not say."""
        return int(self._stream.frames)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._descriptor).st_size

    # Moving through the stream

    def seek(self, time_s: float) -> None:
        """Go to the keyframe at or before a time of the container's clock; to the start where that fails."""
        try:
            offset = int(time_s / self._stream.time_base)
            self._container.seek(offset, stream=self._stream, backward=True)
        except (av.FFmpegError, OverflowError) as error:
            raise_if_short(error)
            self.rewind()

    def rewind(self) -> None:
        """Go to the start. Opens the file again where the container is not known to find its start."""
        if self.container_name in _FINDS_START and self._stream.start_time is not None:
            with suppress(av.FFmpegError):
                self._container.seek(self._stream.start_time, stream=self._stream, backward=True)
                return
        self._container.close()
        self._container, self._stream = self._open()

    def packets(self) -> Iterator[Any]:
        """The packets from here to the end, av.Packet. Ends early where the file is damaged."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                raise_if_short(error)
                self.damaged = True
                return
            if packet is None:
                return
            if packet.size or packet.pts is not None:
                self.damaged |= packet.is_corrupt
                yield packet

    def decode(self, packet: Any | None) -> list[Any]:
        """The sound frames, av.VideoFrame, that a packet completes; None drains the decoder."""
        try:
            frames = self._stream.codec_context.decode(packet)
        except av.FFmpegError as error:
            raise_if_short(error)
            self.damaged = True
            return []
        self.decoded += len(frames)
        sound = [frame for frame in frames if not frame.is_corrupt]
        self.damaged |= len(sound) < len(frames)
        return sound

    def skip(self, unneeded: bool) -> None:
        """Let the decoder leave out frames that no other depends on, or not."""
        if self.codec_name in _CAN_SKIP:
            self._stream.codec_context.skip_frame = "NONREF" if unneeded else "DEFAULT"

    def time_of(self, item: Any) -> float | None:
        """The time of a packet or frame in seconds of the container's clock, if it has one."""
        shown = item.pts if self.stamped else None
        stamp = shown if shown is not None else item.dts
        return None if stamp is None else float(stamp * self._stream.time_base)

    # Opening

    def _open(self) -> tuple[Any, Any]:
        container = self._container_of_webp() if self._webp else self._container_of_file()
        stream = _choose(container)
        for other in container.streams:
            if other is not stream:
                other.discard = av.stream.Discard.all
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = min(_THREADS, usable_cores())
        context.options = {"max_pixels": str(self._max_pixels)}
        self._check_size(context.width, context.height)
        return container, stream

    def _container_of_webp(self) -> Any:
        if self._animation is None:
            self._animation = webp.as_video(self._descriptor, self._max_pixels)
        self._animation.seek(0)
        return av.open(self._animation, format="matroska")

    def _container_of_file(self) -> Any:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        options = {
            "fd": str(self._descriptor),
            "protocol_whitelist": "fd",
            "format_whitelist": ",".join(FORMATS),
            "max_pixels": str(self._max_pixels),
        }
        try:
            container = av.open("fd:", options=options, metadata_errors="ignore")
        except (av.FFmpegError, ValueError) as error:
            raise_if_short(error)
            raise refusal(self._descriptor, type(error).__name__) from error
        return container

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise video_error("too_many_pixels", f"{width}x{height}")

    def _look(self) -> Geometry:
        """Decode up to the first picture: only that shows that the codec works and which way is up."""
        protected = False
        for count, packet in enumerate(self.packets()):
            protected |= bool(packet.has_sidedata("encryption_info"))
            if frames := self.decode(packet):
                break
            if count > _PATIENCE:
                break
        else:
            frames = self.decode(None)
        if not frames:
            if tight():
                raise MemoryError
            raise video_error("protected" if protected else "no_frames", self.codec_name)
        frame = frames[0]
        self._check_size(frame.width, frame.height)
        aspect: Fraction | None = self._stream.sample_aspect_ratio
        return Geometry.of(frame, aspect)


def _choose(container: Any) -> Any:
    """The video stream to look at: no cover pictures, the one FFmpeg finds best."""
    disposition = av.stream.Disposition
    covers = disposition.attached_pic | disposition.timed_thumbnails | disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        raise video_error("no_video_stream", container.format.name)
    readable = [stream for stream in streams if stream.codec_context is not None]
    if not readable:
        raise video_error("unsupported_codec", container.format.name)
    best = container.streams.best("video")
    return best if best in readable else readable[0]
