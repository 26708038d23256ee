"""The pictures of a tar or of a folder, read in place."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ml_app.training.data.items import PICTURES, ReaderError
from ml_app.training.readers.splits import SPLITS


@dataclass(frozen=True, slots=True)
class Member:
    """A picture of a tar or folder. `split` is empty where the path does not begin with one."""

    name: str  # below the split
    split: str
    file: Path
    offset: int
    size: int


def members(path: Path) -> Iterator[Member]:
    """The pictures of a tar or folder, by name in a folder and in their order in a tar.

    Raises:
        ReaderError: It is neither a folder nor a readable tar that is not compressed.
    """
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            yield from _member(file.relative_to(path).as_posix(), file, 0, file.stat().st_size)
        return
    try:
        # Read in place by offset, which a compressed tar does not allow.
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                if info.isfile():
                    yield from _member(info.name, path, info.offset_data, info.size)
    except tarfile.TarError as error:
        raise ReaderError(f"{path} is no plain tar ({error}); unpack it and give the folder") from error


def _member(name: str, file: Path, offset: int, size: int) -> Iterator[Member]:
    name = name.removeprefix("./")
    if not name.lower().endswith(PICTURES):
        return
    split, _, rest = name.partition("/")
    given = split in SPLITS
    yield Member(rest if given else name, split if given else "", file, offset, size)
