"""Genuine faces: a tar or folder of pictures that a face fills, a person each: `<train|dev>/<file>.jpg`."""

from __future__ import annotations

from pathlib import Path

from ml_app.training.data.items import Listing, Picture, ReaderError
from ml_app.training.data.shards import Face
from ml_app.training.readers.archive import members
from ml_app.training.readers.splits import split_of


def read(path: Path) -> Listing:
    """The pictures; those that are not below a split's folder are dealt out by name.

    Raises:
        ReaderError: There are none.
    """
    pictures = []
    for found in members(path):
        split = found.split or split_of(found.name)
        face = Face(f"{split}/{found.name}", group=found.name, fake=False, family="real", generator=path.stem)
        pictures.append(Picture(found.file, found.offset, found.size, split, face))
    if not pictures:
        raise ReaderError(f"{path} holds no pictures")
    return Listing(path.stem, pictures=tuple(pictures))
