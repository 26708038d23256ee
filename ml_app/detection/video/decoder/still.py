"""A still picture, read by Pillow: upright, in sRGB with eight bits, whatever it is stored in."""

from __future__ import annotations

import io
import os
import warnings
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import (  # the readers register themselves; pi_heif has one more
    AvifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from ml_app.detection.errors import VideoError
from ml_app.detection.video.decoder.hdr import HLG, PQ, to_sdr
from ml_app.detection.video.errors import video_error

FORMATS = (
    JpegImagePlugin.JpegImageFile.format,  # and MPO, of which it gives the first picture
    PngImagePlugin.PngImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
    TiffImagePlugin.TiffImageFile.format,
    AvifImagePlugin.AvifImageFile.format,
    "HEIF",
)
_ENOUGH = 4096  # pixels of the longer side: of JPEGs that are much larger, a fraction is decoded
_HEAD = 64 * 1024  # bytes in which the colours of HEIC and AVIF are described
# By EXIF's orientation: what puts the picture upright, and degrees clockwise, leaving mirrors aside.
_UPRIGHT: dict[Any, tuple[Image.Transpose, int]] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, 0),
    3: (Image.Transpose.ROTATE_180, 180),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, 180),
    5: (Image.Transpose.TRANSPOSE, 90),
    6: (Image.Transpose.ROTATE_270, 90),
    7: (Image.Transpose.TRANSVERSE, 270),
    8: (Image.Transpose.ROTATE_90, 270),
}
_ORIENTATION = 0x0112
_SIXTEEN, _EIGHT = 65535, 255


class Still:
    """An open picture. `width`, `height`: of the upright picture in pixels."""

    def __init__(self, file: BinaryIO, max_pixels: int) -> None:
        """Open and decode it.

        Args:
            file: At its start; it stays open.
            max_pixels: What it may have; checked before anything is decoded.

        Raises:
            VideoError: It is damaged, of a kind that is not read, or larger than allowed.
        """
        self._transfer = _transfer(file.read(_HEAD))
        file.seek(0)
        _know_heif()
        Image.MAX_IMAGE_PIXELS = None  # the limit is ours
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # face_recognition sets it, wherever it is imported
        try:
            with warnings.catch_warnings(action="ignore"):
                picture = Image.open(file, formats=FORMATS)
                self.format = str(picture.format).lower()
                full = picture.size
                if full[0] * full[1] > max_pixels:
                    raise video_error("too_many_pixels", f"{full[0]}x{full[1]}")
                picture.draft(None, (_ENOUGH, _ENOUGH))
                picture.load()
        except (MemoryError, VideoError):
            raise
        except Exception as error:  # Pillow's readers fail in many ways on what is not whole
            known = not isinstance(error, UnidentifiedImageError)
            code = "damaged_picture" if known else "unsupported_picture"
            raise video_error(code, f"{type(error).__name__} {error}") from error
        self.metadata: dict[Any, Any] = dict(picture.info)
        self.exif = _exif(picture)
        undo, self.rotation = _UPRIGHT.get(self.exif.get(_ORIENTATION, 1), (None, 0))
        self._picture = picture if undo is None else picture.transpose(undo)
        self.width, self.height = full[::-1] if self.rotation in (90, 270) else full

    def pixels(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The picture at a size: uint8 sRGB (height, width, 3), upright, C-contiguous.

        Raises:
            VideoError: Its colours cannot be understood.
        """
        try:
            return self._pixels(width, height)
        except MemoryError:
            raise
        except Exception as error:  # as many ways as above
            raise video_error("unsupported_picture", f"{type(error).__name__} {error}") from error

    def _pixels(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        plain = _eight_bits(self._picture)
        if plain.size != (width, height):
            plain = plain.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
        image = np.ascontiguousarray(_srgb(plain, self.metadata.get("icc_profile")), dtype=np.uint8)
        if self._transfer is None:
            return image
        transfer, primaries = self._transfer
        return to_sdr(image.astype(np.uint16) * (_SIXTEEN // _EIGHT), transfer, primaries)


def _exif(picture: Any) -> Any:
    """What stands there, or nothing where it is damaged: the picture is there all the same."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return picture.getexif()
    except Exception:  # as many ways again
        return Image.Exif()


def _know_heif() -> None:
    import pi_heif  # noqa: PLC0415 - other files do without

    pi_heif.options.THUMBNAILS = False
    pi_heif.register_heif_opener()


def _eight_bits(picture: Any) -> Any:
    """In a mode of eight bits without transparency, which becomes white: L, RGB, CMYK, or LAB as RGB."""
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture)
        return Image.fromarray(_scaled(values))
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        under = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(under, picture).convert("RGB")
    return picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")


def _scaled(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Grey of more bits, or of fractions, to 0..255: white is 1, 255 or 65,535, the least that holds all."""
    highest = float(np.nanmax(values)) if values.size else 0.0
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    whole = np.issubdtype(values.dtype, np.integer)
    white = next((w for w in (1.0, 255.0, 65535.0) if highest <= w and not (whole and w < _SIXTEEN)), highest)
    shares = np.nan_to_num(values.astype(np.float32)) / white
    return np.asarray((np.clip(shares, 0, 1) * 255).round(), dtype=np.uint8)


def _srgb(picture: Any, profile: bytes | None) -> Any:
    """By the colour profile that the file carries; where that is broken or of other colours, as it stands."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, given, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
    return picture.convert("RGB")


def _transfer(head: bytes) -> tuple[int, int] | None:
    """Transfer and primaries (ITU-T H.273) of a HEIC or AVIF that says it is in HDR."""
    place = head.find(b"colrnclx")
    if head[4:8] != b"ftyp" or place < 0:
        return None
    primaries, transfer = (int.from_bytes(head[place + at : place + at + 2]) for at in (8, 10))
    return (transfer, primaries) if transfer in (PQ, HLG) else None


def open_still(descriptor: int, max_pixels: int) -> Still:
    """`Still` of an open file, at any position; it stays open."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return Still(os.fdopen(os.dup(descriptor), "rb"), max_pixels)
