"""Zip files, good ones and bad ones, made on the spot."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path


def pack(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """An ordinary one."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return path


def with_link(path: Path) -> Path:
    """A symbolic link in it."""
    entry = zipfile.ZipInfo("link.mp4")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return path


def with_flags(path: Path, *, flags: int = 0, method: int = 0) -> Path:
    """A file that says it is encrypted, or packed by another method."""
    pack(path, {"clip.mp4": b"0123456789"})
    data = bytearray(path.read_bytes())
    local, central = 0, data.index(b"PK\x01\x02")
    for at, offset in ((local, 6), (central, 8)):
        struct.pack_into("<HH", data, at + offset, flags, method)
    path.write_bytes(data)
    return path


def overlapping(path: Path) -> Path:
    """Two entries of the directory that lead to the same bytes."""
    pack(path, {"a.mp4": b"x" * 1000, "b.mp4": b"x" * 1000})
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    path.write_bytes(data)
    return path


def lying(path: Path) -> Path:
    """A file that is larger than it says: 20 bytes, in words 10."""
    pack(path, {"clip.mp4": b"x" * 20_000}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for at, offset in ((0, 22), (data.index(b"PK\x01\x02"), 24)):
        struct.pack_into("<I", data, at + offset, 10)
    path.write_bytes(data)
    return path
