"""Zip files, read with suspicion: what is in them, what is refused and why, and the files themselves.

Nothing is ever unpacked under a name of the archive's, so a name can do no harm; odd ones are refused all the
same, because nobody could tell later which file was meant.
"""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ml_app.errors import ServiceError, refuse

MOST_RATIO = 100  # bytes that one packed byte may become; videos do not shrink
SMALL = 10 * 1024**2  # what is smaller is no bomb, whatever its ratio
MOST_GROWTH = 20  # of the whole archive
LONGEST_NAME = 255
CHUNK = 1 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for any amount of memory
LARGEST_DIRECTORY = 16 * 1024**2  # bytes; a name of a file takes about a hundred
PACKED = (
    *(".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".jar", ".iso"),
    *(".tar.gz", ".tar.bz2", ".tar.xz"),
)
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._[^/]*$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive. `code` says why it is refused; empty if it may be read."""

    number: int  # in the archive's directory
    name: str
    code: str = ""


def members(path: Path, *, at_most: int) -> list[Member]:
    """The files of an archive, in its order. Folders and what file managers leave behind are passed over.

    Args:
        at_most: More files are refused.

    Raises:
        ServiceError: "zip_broken", "zip_empty", "zip_bomb" or "batch_too_many": nothing of it is used.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
        _refuse_bombs(entries, path.stat().st_size)
        files = [(number, entry) for number, entry in enumerate(entries) if not _passed_over(entry)]
    if not files:
        raise refuse("zip_empty")
    if len(files) > at_most:
        raise refuse("batch_too_many")
    return [Member(number, shown(entry.filename), _code(entry)) for number, entry in files]


def read_member(path: Path, number: int, *, at_most: int) -> Iterator[bytes]:
    """The bytes of one file, as they are unpacked.

    Raises:
        ServiceError: "too_large", "zip_nested" or "zip_broken".
    """
    with _opened(path) as archive:
        entry = archive.infolist()[number]
        come = 0
        with archive.open(entry) as file:
            while data := file.read(CHUNK):
                if not come and data.startswith(_MAGIC):
                    raise refuse("zip_nested")
                come += len(data)
                if come > at_most:
                    raise refuse("too_large")
                yield data


def shown(name: str) -> str:
    """A name for people: nothing in it that would not be seen, and not too long."""
    return "".join(char if char.isprintable() else "\ufffd" for char in name)[:LONGEST_NAME] or "?"


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """
    Raises:
        ServiceError: "zip_broken", whatever the library stumbles over; or "batch_too_many".
    """
    try:
        with path.open("rb") as file:
            # Of the file's end. The library reads so many bytes of names into memory, however many they are.
            record = zipfile._EndRecData(file)  # type: ignore[attr-defined]
            if record is not None and record[5] > LARGEST_DIRECTORY:
                raise refuse("batch_too_many")
        with zipfile.ZipFile(path) as archive:
            yield archive
    except ServiceError:
        raise
    except Exception as error:
        raise refuse("zip_broken") from error


def _passed_over(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or bool(_LITTER.search(entry.filename))


def _refuse_bombs(entries: list[zipfile.ZipInfo], size: int) -> None:
    """
    Raises:
        ServiceError: "zip_bomb": it grows beyond reason, or its files lie over one another.
    """
    if sum(entry.file_size for entry in entries) > MOST_GROWTH * size + SMALL:
        raise refuse("zip_bomb")
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise refuse("zip_bomb")
        end = entry.header_offset + entry.compress_size


def _code(entry: zipfile.ZipInfo) -> str:
    """Why a file is refused before anything of it is read."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    name = entry.filename
    checks = (
        (kind not in (0, stat.S_IFREG), "zip_link"),
        (_is_odd(name), "bad_name"),
        (bool(entry.flag_bits & 0x1), "zip_encrypted"),
        (name.lower().endswith(PACKED), "zip_nested"),
        (entry.compress_type not in METHODS, "zip_method"),
        (entry.file_size > max(SMALL, MOST_RATIO * entry.compress_size), "zip_bomb"),
    )
    return next((code for is_so, code in checks if is_so), "")


def _is_odd(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        not name.isprintable()
        or len(name) > LONGEST_NAME
        or "\\" in name
        or ":" in name
        or name.startswith("/")
        or ".." in parts
        or not parts
    )


def is_zip(start: bytes) -> bool:
    """Whether a file that begins so is a zip file."""
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))
