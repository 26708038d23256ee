"""Files that people upload by mistake or on purpose, each with the code that it must be refused with."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.media import Clips, make_audio, make_clip, picture

Maker = Callable[[Path, Clips], Path]


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("video.mp4", b"x" * 1000)
    return file.getvalue()


def _image(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(0.0)).save(file, kind)
    return file.getvalue()


def _executable() -> bytes:
    return Path(sys.executable).resolve().read_bytes()[:200_000]


def _cut(path: Path, clips: Clips) -> Path:
    data = clips("whole.mp4", seconds=1).read_bytes()
    assert data.index(b"moov") > len(data) // 2
    return _written(path, data[: len(data) // 2])


def no_frames(path: Path, clips: Clips) -> Path:
    """A track of pictures that holds none."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.open()
        container.start_encoding()
    return path


def century(path: Path, clips: Clips) -> Path:
    """Two frames, a hundred years apart."""
    return make_clip(path.with_suffix(".mkv"), times=[0.0, 100 * 365.25 * 86400]).rename(path)


def tiny(path: Path, clips: Clips) -> Path:
    """One pixel."""
    pixel = np.full((1, 1, 3), 128, np.uint8)
    made = make_clip(
        path.with_suffix(".mkv"),
        seconds=1,
        size=(1, 1),
        codec="ffv1",
        pix_fmt="yuv444p",
        draw=lambda _: pixel,
    )
    return made.rename(path)


def too_large(path: Path, clips: Clips) -> Path:
    """A whole video that is larger than one MiB: more than allowed where a test says so."""
    data = clips("whole.mp4", seconds=1).read_bytes()
    return _written(path, data + bytes(1024**2))


REFUSED: dict[str, tuple[Maker, str]] = {
    "empty": (lambda path, clips: _written(path, b""), "empty_file"),
    "text": (lambda path, clips: _written(path, b"A letter, and no video.\n" * 50), "not_a_video"),
    "zip": (lambda path, clips: _written(path, _zip()), "not_a_video"),
    "bmp": (lambda path, clips: _written(path, _image("bmp")), "not_a_video"),
    "half-a-png": (lambda path, clips: _written(path, _image("png")[:5000]), "damaged_picture"),
    "half-a-jpeg": (lambda path, clips: _written(path, _image("jpeg")[:5000]), "damaged_picture"),
    "executable": (lambda path, clips: _written(path, _executable()), "not_a_video"),
    "no-moov": (_cut, "truncated"),
    "sound": (lambda path, clips: make_audio(path), "no_video_stream"),
    "no-frames": (no_frames, "no_frames"),
    "century": (century, "too_long"),
    "one-pixel": (tiny, "too_few_pixels"),
    "too-large": (too_large, "too_large"),
}


def claims_a_century(path: Path, clips: Clips) -> Path:
    """Two seconds whose header says a hundred years."""
    data = bytearray(clips("clip.mkv").read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # the Duration element: a double in milliseconds
    data[place : place + 8] = np.array(100 * 365.25 * 86400e3, ">f8").tobytes()
    return _written(path, bytes(data))


def very_fast(path: Path, clips: Clips) -> Path:
    """A hundred thousand frames a second."""
    with av.open(str(path), "w", format="mp4", options={"video_track_timescale": "100000"}) as container:
        stream = container.add_stream("libx264", rate=100_000, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100_000)
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(picture(number / 10), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 100_000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def cartoon(path: Path, clips: Clips) -> Path:
    """Flat colours and outlines that stand for a face, but are none."""

    def draw(time_s: float) -> np.ndarray:
        import cv2

        image = np.full((240, 320, 3), (120, 190, 240), np.uint8)
        x = 160 + round(20 * np.sin(time_s * 3))
        cv2.circle(image, (x, 120), 70, (255, 220, 60), -1)
        cv2.circle(image, (x, 120), 70, (0, 0, 0), 3)
        for side in (-25, 25):
            cv2.circle(image, (x + side, 100), 9, (0, 0, 0), -1)
        cv2.line(image, (x - 30, 155), (x + 30, 155), (0, 0, 0), 4)
        return image

    return make_clip(path, seconds=1, draw=draw)


def nobody(path: Path, clips: Clips) -> Path:
    """A landscape without people."""
    return make_clip(path, seconds=1, people=0)


def one_frame(path: Path, clips: Clips) -> Path:
    """A person in a single frame."""
    return make_clip(path, seconds=0.04)


def eight_k(path: Path, clips: Clips) -> Path:
    """A person in three frames of 7680 by 4320."""
    size = (7680, 4320)
    image = picture(0.0, (960, 540)).repeat(8, axis=0).repeat(8, axis=1)
    return make_clip(path, seconds=0.12, size=size, draw=lambda _: image)


ODD: dict[str, tuple[Maker, str]] = {
    "no-face": (nobody, "no_face"),
    "cartoon": (cartoon, "no_face"),
    "one-frame": (one_frame, "too_few_frames"),
    "8k": (eight_k, ""),
    "claims-a-century": (claims_a_century, ""),
    "100000-fps": (very_fast, ""),
}
