"""Re-encoding as H.264, as every upload to a platform goes through it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image


def recode(images: Sequence[Image], crf: int) -> list[Image]:
    """Encode frames as an H.264 video and decode it again.

    Args:
        images: uint8 (H, W, 3) RGB, all of one size, in order of time. One picture becomes a key frame.
        crf: x264's constant rate factor: 18 is hardly seen, 23 is usual, 40 is badly compressed.

    Returns:
        As many frames of the same size.
    """
    height, width = images[0].shape[:2]
    padding = ((0, height % 2), (0, width % 2), (0, 0))  # 4:2:0 wants even sides
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as container:
        # zerolatency: no frame is held back, so that short clips come out whole, and quickly.
        options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency", "threads": "1"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.pad(image, padding, "edge"), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    memory.seek(0)
    with av.open(memory, "r") as encoded:
        decoded: list[npt.NDArray[Any]] = [
            frame.to_ndarray(format="rgb24")[:height, :width] for frame in encoded.decode(video=0)
        ]
    return [np.ascontiguousarray(frame, dtype=np.uint8) for frame in decoded]
