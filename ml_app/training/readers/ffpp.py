"""FaceForensics++ (Rössler et al., ICCV 2019): 1000 videos and their manipulations by several methods.

    original_sequences/youtube/<c0|c23|c40>/videos/071.mp4
    manipulated_sequences/<method>/<c0|c23|c40>/videos/071_054.mp4      footage of 071, face or mimics of 054

The official split is three lists of pairs of numbers, train.json, val.json and test.json.
"""

from __future__ import annotations

import json
from pathlib import Path

from ml_app.training.data.items import Clip, Listing, ReaderError, flat, videos_in
from ml_app.training.data.shards import Face
from ml_app.training.readers.splits import joined, split_of

FILES = {"train": "train.json", "dev": "val.json", "test": "test.json"}
OTHER_READER = "DeepFakeDetection"  # the same folders hold that set too
FAMILIES = {"Face2Face": "reenactment", "NeuralTextures": "reenactment"}


def read(root: Path, compression: str = "c23", splits: Path | None = None) -> Listing:
    """The clips of one compression.

    Args:
        root: Holds `original_sequences` and `manipulated_sequences`.
        compression: c0 (raw), c23 or c40.
        splits: Folder of the official lists; by default `root/splits` or `root`. Without them, pairs of
            videos that were swapped with each other are dealt out by the hash of their numbers.

    Raises:
        ReaderError: There is nothing of that compression, or the lists are not readable.
    """
    found = [(path, "") for path in videos_in(root / f"original_sequences/youtube/{compression}/videos")]
    for folder in sorted((root / "manipulated_sequences").glob(f"*/{compression}/videos")):
        method = folder.parents[1].name
        if method != OTHER_READER:
            found += [(path, method) for path in videos_in(folder)]
    if not found:
        raise ReaderError(
            f"{root} holds no original_sequences/youtube/{compression}/videos and no "
            f"manipulated_sequences/*/{compression}/videos; choose another --compression?"
        )
    groups = joined([path.stem.split("_") for path, _ in found])
    official = _official(splits, root)
    clips, unlisted = [], 0
    for (path, method), group in zip(found, groups, strict=True):
        split = official.get(path.stem.partition("_")[0]) if official else split_of(group)
        if split is None:
            unlisted += 1
        else:
            clips.append(_clip(root, path, method, group, split))
    notes = [] if official else ["no official split was found; split by pairs of videos"]
    if unlisted:
        notes.append(f"{unlisted} videos stand in no list of the official split and were left out")
    return Listing(root.name, tuple(clips), notes=tuple(notes))


def _clip(root: Path, path: Path, method: str, group: str, split: str) -> Clip:
    relative = path.relative_to(root)
    face = Face(
        source=relative.as_posix(),
        group=group,
        fake=bool(method),
        family=FAMILIES.get(method, "face swap") if method else "real",
        generator=method or "youtube",
        pair=path.stem.partition("_")[0],
    )
    return Clip(path, split, face, flat(relative))


def _official(splits: Path | None, root: Path) -> dict[str, str]:
    """The split of each number; empty where there are no lists and none were asked for."""
    folders = [splits] if splits else [root / "splits", root]
    folder = next((f for f in folders if all((f / name).is_file() for name in FILES.values())), None)
    if folder is None:
        if splits:
            raise ReaderError(f"{splits} must hold {', '.join(FILES.values())}")
        return {}
    try:
        return {
            str(number): split
            for split, name in FILES.items()
            for pair in json.loads((folder / name).read_text())
            for number in pair
        }
    except (ValueError, TypeError) as error:
        raise ReaderError(f'{folder}: the lists must hold pairs such as ["071", "054"]') from error
