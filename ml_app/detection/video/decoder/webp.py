"""Animated WebP, which FFmpeg cannot read: Pillow does, and it goes on as lossless video in memory."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from typing import Any

import av
import numpy as np

from ml_app.detection.video.errors import video_error

NAME = "webp"
_LEAST_MS = 20  # browsers take shorter pictures for a mistake, and show them longer
_USUAL_MS = 100


def is_webp(descriptor: int) -> bool:
    """Whether an open file is a WebP picture, animated or not, by its first bytes."""
    head = os.pread(descriptor, 12, 0)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def as_video(descriptor: int, max_pixels: int) -> io.BytesIO:
    """An animation as FFV1 in Matroska, for `av.open`.

    Args:
        descriptor: The open file, at any position; it stays open.
        max_pixels: Of one picture.

    Raises:
        VideoError: It is damaged, or larger than allowed.
    """
    from PIL import Image  # noqa: PLC0415 - other files do without

    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file, Image.open(file, formats=("WEBP",)) as picture:
            if picture.width * picture.height > max_pixels:
                raise video_error("too_many_pixels", f"{picture.width}x{picture.height}")
            return _written(picture)
    except (OSError, EOFError, Image.DecompressionBombError) as error:
        raise video_error("truncated", type(error).__name__) from error


def _written(picture: Any) -> io.BytesIO:
    buffer, shown_ms = io.BytesIO(), 0
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=Fraction(1000))
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "bgr0"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(picture.n_frames):
            picture.seek(number)
            pixels = np.asarray(picture.convert("RGB"))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = shown_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
            duration = int(picture.info.get("duration", 0))
            shown_ms += duration if duration >= _LEAST_MS else _USUAL_MS
        container.mux(stream.encode())
    buffer.seek(0)
    return buffer
