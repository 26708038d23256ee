"""Readers: from the folders in which a set is published to a list of its files, by split. One file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ml_app.training.data.items import Listing, ReaderError
from ml_app.training.readers import celebdf, dfd, dfdc, faces, ffpp, folder, pairs, table


@dataclass(frozen=True, slots=True)
class Options:
    """What some readers can be told."""

    compression: str = "c23"
    ffpp_splits: Path | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """How a kind of set is read, and what stands where."""

    read: Callable[[Path, Options], Listing]
    metavar: str
    help: str


READERS: dict[str, Reader] = {
    "ffpp": Reader(
        lambda path, options: ffpp.read(path, options.compression, options.ffpp_splits),
        "DIR",
        "FaceForensics++: original_sequences/, manipulated_sequences/",
    ),
    "dfd": Reader(
        lambda path, options: dfd.read(path, options.compression),
        "DIR",
        "DeepFakeDetection, in the folders of FaceForensics++",
    ),
    "celebdf": Reader(
        lambda path, _: celebdf.read(path), "DIR", "Celeb-DF v2: with List_of_testing_videos.txt"
    ),
    "dfdc": Reader(lambda path, _: dfdc.read(path), "DIR", "DFDC: parts with metadata.json"),
    "folder": Reader(lambda path, _: folder.read(path), "DIR", "real/ and fake/, videos or pictures"),
    "clips": Reader(
        lambda path, _: table.read(path),
        "CSV",
        "videos: columns file and label; better with split, person, family, generator_or_corpus, pair",
    ),
    "faces": Reader(
        lambda path, _: faces.read(path), "TAR", "genuine faces, one person each: <train|dev>/<file>.jpg"
    ),
    "pairs": Reader(
        lambda path, _: pairs.read(path), "TAR", "<train|dev>/<original>/real.jpg with its fake-*.jpg"
    ),
}


def read_set(kind: str, path: Path, options: Options | None = None) -> Listing:
    """Read a set.

    Args:
        kind: A key of `READERS`.
        path: The set's folder, tar or table.
        options: For the readers that take some.

    Raises:
        ReaderError: It is not laid out as expected, or a file, a pair or a source stands in two splits.
    """
    if not path.exists():
        raise ReaderError(f"--{kind}: there is no {path}")
    listing = READERS[kind].read(path, options or Options())
    _check(listing)
    return listing


def _check(listing: Listing) -> None:
    """No source and no pair in two splits; groups in train and dev neither."""
    places: dict[tuple[str, str], str] = {}
    for item in listing.items:
        face = item.face
        keys = [("file", face.source), ("pair", face.pair)]
        if item.split != "test":
            keys.append(("group", face.group))
        for kind, value in keys:
            if value and places.setdefault((kind, value), item.split) != item.split:
                both = f"{places[kind, value]} and in {item.split}"
                raise ReaderError(f"{listing.name}: the {kind} {value!r} stands in {both}")
