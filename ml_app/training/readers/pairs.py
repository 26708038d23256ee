"""Pairs of pictures: a tar or folder with `[<train|dev>/]<original>/real.jpg` and its `fake-*.jpg`."""

from __future__ import annotations

from pathlib import Path

from ml_app.training.data.items import Listing, Picture, ReaderError
from ml_app.training.data.shards import Face
from ml_app.training.readers.archive import members
from ml_app.training.readers.splits import split_of


def read(path: Path) -> Listing:
    """The pictures; originals that are not below a split's folder are dealt out by name.

    Raises:
        ReaderError: There are none.
    """
    pictures = []
    for found in members(path):
        original, _, file = found.name.rpartition("/")
        fake = file.startswith("fake")
        if not original or not (fake or file.startswith("real")):
            continue
        split = found.split or split_of(original)
        face = Face(
            source=f"{split}/{found.name}",
            group=original,
            fake=fake,
            family="face swap" if fake else "real",
            generator=path.stem,
            pair=original,
        )
        pictures.append(Picture(found.file, found.offset, found.size, split, face))
    if not pictures:
        raise ReaderError(f"{path} holds no <original>/real.jpg with fake-*.jpg")
    pictures.sort(key=lambda picture: picture.face.source)
    return Listing(path.stem, pictures=tuple(pictures))
