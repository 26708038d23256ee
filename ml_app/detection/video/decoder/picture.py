"""How a stored frame becomes an upright picture with square pixels."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ml_app.detection.video.decoder.hdr import is_hdr, to_sdr

Number = TypeVar("Number", np.uint8, np.uint16)
_SANE_ASPECT = 4  # of a pixel's two sides; more is a mistake in the file


@dataclass(frozen=True, slots=True)
class Geometry:
    """`width`, `height`: of the upright frame in pixels. `rotation`: degrees clockwise to turn the stored
    frame by, after it was mirrored left to right if `mirrored`."""

    width: int
    height: int
    rotation: int
    mirrored: bool

    @classmethod
    def of(cls, frame: Any, sample_aspect_ratio: Fraction | None) -> Self:
        """Read off a decoded av.VideoFrame."""
        width, height = frame.width, frame.height
        aspect = sample_aspect_ratio or Fraction(1)
        if Fraction(1, _SANE_ASPECT) <= aspect <= _SANE_ASPECT:
            # Enlarge one side rather than shrink the other, so that nothing is lost.
            width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        rotation, mirrored = _orientation(frame)
        if rotation in (90, 270):
            width, height = height, width
        return cls(width, height, rotation, mirrored)

    def upright(self, frame: Any, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Convert an av.VideoFrame of any size and pixel format; HDR is mapped to BT.709.

        Returns:
            uint8 RGB (height, width, 3), upright, C-contiguous.
        """
        sideways = self.rotation in (90, 270)
        stored = (height, width) if sideways else (width, height)
        image = _rgb(frame, *stored)
        if self.mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, k=-self.rotation // 90))


def _rgb(frame: Any, width: int, height: int) -> npt.NDArray[np.uint8]:
    """uint8 RGB (height, width, 3) of a stored frame."""
    if not is_hdr(frame):
        return _pixels(frame, width, height, "rgb24", np.uint8)
    picture = _pixels(frame, width, height, "rgb48le", np.uint16)
    return to_sdr(picture, int(frame.color_trc), int(frame.color_primaries))


def _pixels(frame: Any, width: int, height: int, name: str, kind: type[Number]) -> npt.NDArray[Number]:
    plane = frame.reformat(width=width, height=height, format=name).planes[0]
    rows = np.frombuffer(plane, kind).reshape(height, plane.line_size // np.dtype(kind).itemsize)
    return rows[:, : width * 3].reshape(height, width, 3)


def _orientation(frame: Any) -> tuple[int, bool]:
    """Rotation and mirroring of a frame's display matrix, rounded to right angles."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    data = b"" if side_data is None else bytes(side_data)
    if len(data) < 36:
        return 0, False
    a, b, _, c, d = struct.unpack("=9i", data[:36])[:5]
    mirrored = a * d - b * c < 0
    if mirrored:  # the matrix mirrors x before all else; take that out
        a, b = -a, -b
    if abs(a) >= abs(b):
        return (0 if a >= 0 else 180), mirrored
    return (90 if b > 0 else 270), mirrored
