"""Whether a file is a still picture, by its first bytes alone, and what it may say of itself.

Pure, for both sides of the decoding process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Of ISO base media files: a still picture, and not a sequence of them (hevc, hevx, msf1, avis).
STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif")
# What a camera or an editor may have written into a picture, in the order in which it is shown.
SAYINGS = (
    "camera_make",
    "camera_model",
    "lens",
    "taken",
    "changed",
    "software",
    "source_type",
    "generator",
    "description",
    "comment",
    "artist",
    "credit",
    "copyright",
)
SAYING_LENGTH = 200  # characters of a text at most
_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOVES = 0x02  # flag of WebP's VP8X
_MOST_CHUNKS = 1000  # looked at for a second picture; cameras and editors write some dozens


def is_picture(descriptor: int) -> bool:
    """Whether an open file is a picture that does not move.

    Args:
        descriptor: Of a regular file, at any position, which it keeps.
    """
    head = os.pread(descriptor, 32, 0)
    if head.startswith(_PNG):
        return not _png_moves(descriptor)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return not (head[12:16] == b"VP8X" and head[20:21] and head[20] & _MOVES)
    if head[4:8] == b"ftyp":
        return head[8:12] in STILL_BRANDS
    return head.startswith((_JPEG, *_TIFF))


def holds_picture(path: Path) -> bool:
    """`is_picture` of a file by its path; False where it cannot be opened, which the reader then says."""
    with suppress(OSError):
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return is_picture(descriptor)
        finally:
            os.close(descriptor)
    return False


def _png_moves(descriptor: int) -> bool:
    """Whether it announces more than one picture, which must stand before the first."""
    for kind, place in _png_chunks(descriptor):
        if kind == b"acTL":
            return int.from_bytes(os.pread(descriptor, 4, place)) > 1
        if kind == b"IDAT":
            break
    return False


def _png_chunks(descriptor: int) -> Iterator[tuple[bytes, int]]:
    place = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        head = os.pread(descriptor, 8, place)
        if len(head) < 8:
            return
        yield head[4:], place + 8
        place += 12 + int.from_bytes(head[:4])
