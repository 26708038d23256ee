"""Where a face is cut out of a frame. Training and serving both call this and cannot drift apart."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.findings import Box

Image = npt.NDArray[np.uint8]


def landmark_square(landmarks: npt.NDArray[np.float32], margin: float) -> Box:
    """The square around facial landmarks.

    Args:
        landmarks: float (68, 2), dlib's 68 points as x, y in pixels.
        margin: Side of the square as a multiple of the longer side of the landmarks' bounding box.

    Returns:
        A square centred on the bounding box. It may reach beyond the image.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    centre = (low + high) / 2
    side = max(2, round(float((high - low).max()) * margin))
    left, top = round(float(centre[0]) - side / 2), round(float(centre[1]) - side / 2)
    return Box(left, top, left + side, top + side)


def expand_box(box: Box, margin: float) -> Box:
    """A box grown about its centre to `margin` times its width and height. It may reach beyond the image."""
    extra_x, extra_y = round(box.width * (margin - 1) / 2), round(box.height * (margin - 1) / 2)
    return Box(box.left - extra_x, box.top - extra_y, box.right + extra_x, box.bottom + extra_y)


def halved(image: Image, least: int) -> Image:
    """A copy of half the size, or a quarter, and so on, whose longer side is still `least` pixels or more.

    The mean of four pixels is so quick that smaller copies are best made from such a one.
    """
    while max(image.shape[:2]) >= 2 * least and min(image.shape[:2]) >= 2:
        size = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return image


def crop(image: Image, box: Box, size: int | None = None) -> Image:
    """Cut a box out of an image and resize it.

    Args:
        image: uint8 (H, W, 3), any colour order, which is kept.
        box: Where to cut; parts beyond the image are filled with its nearest edge pixels.
        size: Side of the result in pixels; None leaves the crop as large as it is.

    Returns:
        uint8 (size, size, 3), C-contiguous; resized by area where it shrinks and linearly where it grows.

    Raises:
        ValueError: The box is empty or lies wholly beyond the image.
    """
    height, width = image.shape[:2]
    left, top = max(0, box.left), max(0, box.top)
    right, bottom = min(width, box.right), min(height, box.bottom)
    if left >= right or top >= bottom:
        raise ValueError(f"{box} does not touch an image of {width}x{height}")
    part: npt.NDArray[Any] = image[top:bottom, left:right]
    padding = (top - box.top, box.bottom - bottom, left - box.left, box.right - right)
    if any(padding):
        part = cv2.copyMakeBorder(part, *padding, cv2.BORDER_REPLICATE)
    if size is not None and part.shape[:2] != (size, size):
        shrinks = min(part.shape[:2]) > size
        part = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(part)
