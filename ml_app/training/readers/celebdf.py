"""Celeb-DF v2 (Li et al., CVPR 2020).

    Celeb-real/id0_0001.mp4 · YouTube-real/00012.mp4
    Celeb-synthesis/id0_id1_0001.mp4            footage id0_0001, face of id1
    List_of_testing_videos.txt                  "1 Celeb-real/id0_0002.mp4", one a line

The list is the test split. Of the rest, persons are dealt to train and dev; fakes of two persons of different
splits are left out, and so is footage that the list has. The list was not made by person: that many persons
of it stand in train as well, a note says how many.
"""

from __future__ import annotations

from pathlib import Path

from ml_app.training.data.items import Clip, Listing, ReaderError, flat, videos_in
from ml_app.training.data.shards import Face
from ml_app.training.readers.splits import common_split, split_of

LIST = "List_of_testing_videos.txt"
FOLDERS = ("Celeb-real", "YouTube-real", "Celeb-synthesis")


def read(root: Path) -> Listing:
    """The clips of the set.

    Raises:
        ReaderError: The folders or the list are missing.
    """
    paths = [path for folder in FOLDERS for path in videos_in(root / folder)]
    if not paths or not (root / LIST).is_file():
        raise ReaderError(f"{root} must hold {', '.join(FOLDERS)} and {LIST}")
    listed = {line.split()[-1] for line in (root / LIST).read_text().splitlines() if line.strip()}
    tested = {_footage(root / name) for name in listed}
    persons = {person for name in listed for person in _persons(root / name)}
    clips, apart, seen = [], 0, set()
    for path in paths:
        relative = path.relative_to(root)
        if relative.as_posix() in listed:
            split: str | None = "test"
        elif _footage(path) in tested:
            split = None
        else:
            split = common_split(split_of(person, test_share=0) for person in _persons(path))
        if split is None:
            apart += 1
            continue
        if split != "test":
            seen |= persons & set(_persons(path))
        clips.append(Clip(path, split, _face(path, relative), flat(relative)))
    notes = []
    if apart:
        notes.append(f"{apart} videos join persons of two splits, or are footage of the test list: left out")
    if seen:
        notes.append(
            f"the official test list is not by person: {len(seen)} of its {len(persons)} persons also stand "
            "in train or dev, so figures on it flatter a detector that learned from this set"
        )
    return Listing(root.name, tuple(clips), notes=tuple(notes))


def _persons(path: Path) -> list[str]:
    """The person in the picture, then the one whose face was put in."""
    if path.parent.name == "YouTube-real":
        return [f"YouTube {path.stem}"]
    return path.stem.split("_")[:-1]


def _footage(path: Path) -> str:
    if path.parent.name == "YouTube-real":
        return f"YouTube {path.stem}"
    parts = path.stem.split("_")
    return f"{parts[0]}_{parts[-1]}"


def _face(path: Path, relative: Path) -> Face:
    fake = path.parent.name == "Celeb-synthesis"
    return Face(
        source=relative.as_posix(),
        group=_persons(path)[0],
        fake=fake,
        family="face swap" if fake else "real",
        generator="Celeb-DF v2" if fake else path.parent.name,
        pair=_footage(path),
    )
