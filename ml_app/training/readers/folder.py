"""A plain folder: real/ and fake/ with videos or pictures, if you like below train/, dev/ and test/.

    real/a.mp4 · fake/a.mp4 · fake/<generator>/a.mp4

Files of the same name are versions of the same footage. Without folders for the splits, names are dealt out:
where persons recur, make the splits by hand, or use a table with a column `person`.
"""

from __future__ import annotations

from pathlib import Path

from ml_app.training.data.items import PICTURES, VIDEOS, Clip, Listing, Picture, ReaderError, flat
from ml_app.training.data.shards import Face
from ml_app.training.readers.splits import SPLITS, split_of

LABELS = ("real", "fake")


def read(root: Path) -> Listing:
    """The clips and pictures of the folder.

    Raises:
        ReaderError: There is no real/ or no fake/, or nothing in them.
    """
    tops: list[tuple[str, Path]] = [(split, root / split) for split in SPLITS if (root / split).is_dir()]
    clips: list[Clip] = []
    pictures: list[Picture] = []
    for given, top in tops or [("", root)]:
        for label in LABELS:
            for path in sorted(p for p in (top / label).rglob("*") if p.is_file()):
                suffix = path.suffix.lower()
                face = _face(root, top / label, path, given)
                split = given or split_of(face.group)
                if suffix in VIDEOS:
                    clips.append(Clip(path, split, face, flat(path.relative_to(root))))
                elif suffix in PICTURES:
                    pictures.append(Picture(path, 0, path.stat().st_size, split, face, tight=False))
    listing = Listing(root.name, tuple(clips), tuple(pictures))
    if {item.face.fake for item in listing.items} != {True, False}:
        raise ReaderError(f"{root} must hold videos or pictures in real/ and in fake/")
    return listing


def _face(root: Path, label: Path, path: Path, given: str) -> Face:
    below, fake = path.relative_to(label).parts, label.name == "fake"
    # Numbered files of two splits that were made by hand are not the same footage.
    footage = f"{given}/{path.stem}" if given else path.stem
    return Face(
        source=path.relative_to(root).as_posix(),
        group=footage,
        fake=fake,
        family="fake" if fake else "real",
        generator=below[0] if len(below) > 1 else label.name,
        pair=footage,
    )
