"""Clips for the tests, made here: a public-domain face (scikit-image's astronaut), moved, scaled and encoded.

`clips` makes each distinct clip once a session:

    def test_something(clips):
        path = clips("talk.mp4", seconds=2, people=2)
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

Image = npt.NDArray[np.uint8]

# Encoder by container, where the caller names none.
CODECS = {
    ".mp4": "libx264",
    ".mov": "libx264",
    ".m4v": "libx264",
    ".mkv": "libx264",
    ".ts": "libx264",
    ".3gp": "mpeg4",
    ".avi": "mpeg4",
    ".flv": "flv",
    ".wmv": "wmv2",
    ".webm": "libvpx",
    ".gif": "gif",
}
_FORMATS = {".m4v": "mp4", ".mkv": "matroska", ".ts": "mpegts", ".wmv": "asf"}
_FAST = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "13"},
}


@functools.cache
def portrait() -> Image:
    """Head and shoulders: uint8 RGB (256, 256, 3). dlib's box of the face is 87 wide, about its centre."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:256, 95:351])


@functools.cache
def _background(width: int, height: int) -> Image:
    y, x = np.mgrid[0:height, 0:width]
    waves = [110 + 50 * np.sin(x / (31 + 9 * c) + c) * np.cos(y / (23 + 5 * c)) for c in range(3)]
    return cast(Image, np.stack(waves, axis=-1).astype(np.uint8))


def picture(time_s: float, size: tuple[int, int] = (320, 240), people: int = 1) -> Image:
    """One upright frame of a clip.

    Args:
        time_s: The people sway slowly from side to side with time; each in their own share of the width.
        size: Width and height in pixels. A face is about a third of the height, or of a person's share.
        people: 0 to 3. The second is a mirrored and warped copy, so that the two are not the same picture.

    Returns:
        uint8 RGB (height, width, 3). The left top corner holds the time, as bits of brightness
        (see `stamped_time`).
    """
    width, height = size
    image = _background(width, height).copy()
    for person in range(people):
        share = width / people
        side = int(min(share, height) * 0.95)
        face = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
        if person % 2:
            shear = np.float32([[1, 0.12, -0.06 * side], [0, 1, 0]])
            face = cv2.warpAffine(face[:, ::-1], shear, (side, side), borderMode=cv2.BORDER_REPLICATE)
        sway = math.sin(time_s * 2 + person) * (share - side) / 2
        left = int(person * share + (share - side) / 2 + sway)
        image[height - side :, left : left + side] = face
    _stamp(image, time_s)
    return image


def late(time_s: float) -> Image:
    """One frame of a clip of which the first four seconds are black; then there is a person."""
    return picture(time_s) if time_s > 3.99 else np.zeros((240, 320, 3), np.uint8)


_BITS = 16  # of the stamp: milliseconds up to 65 s


def _stamp(image: Image, time_s: float) -> None:
    cell = _cell(image)
    for bit in range(_BITS):
        value = 235 if round(time_s * 1000) >> bit & 1 else 16
        image[0:cell, bit * cell : (bit + 1) * cell] = value


def _cell(image: Image) -> int:
    return max(1, min(image.shape[1] // _BITS, image.shape[0] // 8))


def stamped_time(image: Image) -> float:
    """The time in seconds that `picture` wrote into an upright frame, read back after any codec."""
    cell = _cell(image)
    milliseconds = 0
    for bit in range(_BITS):
        square = image[0:cell, bit * cell : (bit + 1) * cell]
        inner = square[cell // 4 : cell - cell // 4 or 1, cell // 4 : cell - cell // 4 or 1]
        milliseconds |= int(inner.mean() > 125) << bit
    return milliseconds / 1000


def make_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 25,
    size: tuple[int, int] = (320, 240),
    codec: str | None = None,
    people: int = 1,
    rotation: int = 0,
    audio: bool = False,
    pix_fmt: str | None = None,
    gop: int = 12,
    sample_aspect_ratio: Fraction | None = None,
    times: Iterable[float] | None = None,
    draw: Callable[[float], Image] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode a clip; the container follows from the suffix of `path`.

    Args:
        seconds: Length; `times` overrides it.
        size: Width and height of the upright picture.
        codec: An encoder of FFmpeg; None takes the usual one of the container.
        rotation: Degrees clockwise that a player must turn the stored frames by: 0, 90, 180, 270. They are
            stored turned the other way.
        audio: Add a tone (AAC; Opus in webm).
        gop: Frames from keyframe to keyframe.
        times: Time of each frame in seconds, for a variable frame rate.
        draw: Time → upright uint8 RGB picture, instead of `picture(time, size, people)`.
    """
    suffix = path.suffix.lower()
    codec = codec or CODECS[suffix]
    stamps = list(times) if times is not None else [i / fps for i in range(max(1, round(seconds * fps)))]
    draw = draw or (lambda time_s: picture(time_s, size, people))
    with av.open(str(path), "w", format=_FORMATS.get(suffix), options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=_FAST.get(codec, {}) | (options or {}))
        sideways = rotation in (90, 270)
        stream.width, stream.height = (size[1], size[0]) if sideways else size
        stream.pix_fmt = pix_fmt or _default_pix_fmt(codec)
        stream.codec_context.gop_size = gop
        stream.codec_context.time_base = Fraction(1, 1000) if times is not None else Fraction(1, fps)
        if sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = sample_aspect_ratio
        if rotation:
            stream.set_display_rotation(-rotation)  # which counts counter-clockwise
        sound = container.add_stream("libopus" if suffix == ".webm" else "aac", rate=48000) if audio else None
        for packet in _pictures(stream, stamps, rotation, draw):
            container.mux(packet)
        if sound is not None:
            for packet in _tone(sound, seconds):
                container.mux(packet)
    if codec == "libsvtav1":  # as root it makes its caller a real-time thread, and all its later children so
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def _default_pix_fmt(codec: str) -> str:
    return {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")


def _pictures(
    stream: Any, stamps: list[float], rotation: int, draw: Callable[[float], Image]
) -> Iterator[Any]:
    base = stream.codec_context.time_base
    for time_s in stamps:
        turned = np.rot90(draw(time_s), k=rotation // 90)  # counter-clockwise, which the player undoes
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), format="rgb24")
        frame.pts = round(time_s / base)
        frame.time_base = base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _tone(stream: Any, seconds: float) -> Iterator[Any]:
    total = max(1, int(seconds * 48000))
    wave = (np.sin(np.arange(total) * 2 * np.pi * 440 / 48000) * 0.2).astype(np.float32)
    for start in range(0, total, 960):
        part = np.ascontiguousarray(np.stack([wave[start : start + 960]] * 2))
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def loop_clip(source: Path, path: Path, repeats: int) -> Path:
    """Repeat a clip without encoding it again, as its packets: a long video in little time."""
    with av.open(str(source)) as clip, av.open(str(path), "w", format=_FORMATS.get(path.suffix)) as container:
        stream = clip.streams.video[0]
        copy = container.add_stream_from_template(stream)
        packets = [packet for packet in clip.demux(stream) if packet.dts is not None]
        length = packets[-1].dts - packets[0].dts + (packets[-1].dts - packets[0].dts) // (len(packets) - 1)
        for repeat in range(repeats):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.pts, again.dts = packet.pts + repeat * length, packet.dts + repeat * length
                again.time_base, again.is_keyframe, again.stream = packet.time_base, packet.is_keyframe, copy
                container.mux(again)
    return path


def make_audio(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound and no picture, in the container of the suffix."""
    with av.open(str(path), "w", format=_FORMATS.get(path.suffix)) as container:
        stream = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000)
        for packet in _tone(stream, seconds):
            container.mux(packet)
    return path


class Clips:
    """Makes clips with `make_clip`'s arguments, each distinct one once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str = "clip.mp4", **arguments: Any) -> Path:
        key = hashlib.sha256(repr(sorted(arguments.items())).encode()).hexdigest()[:12]
        path = self._folder / key / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            # Another process may be making it as well: both get a whole one.
            unfinished = path.with_name(f"{os.getpid()}-{name}")
            make_clip(unfinished, **arguments).replace(path)
        return path


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """A maker of clips: `clips("talk.mp4", seconds=2, people=2)` gives a path. Copy before changing."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return Clips(tmp_path_factory.mktemp("clips"))
    shared = tmp_path_factory.getbasetemp().parent / "clips"  # by all processes of this run
    shared.mkdir(exist_ok=True)
    return Clips(shared)
