"""No leak: what a detector learned from must not stand in what it is chosen or measured by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ml_app.training.data.shards import Face, read_faces, read_shard, write_shard

SPLITS = ("train", "dev")


def check_no_leak(data: Path) -> None:
    """Make sure that nothing stands in two splits: within a set no person, original, pair or file, and over
    all sets no two files of the same content (by the SHA-256 that `prepare` keeps).

    Args:
        data: Prepared sets, `<set>/<split>/*.json`.

    Raises:
        ValueError: Something does; says what.
    """
    hashes: dict[str, tuple[str, str]] = {}
    for prepared in sorted(path for path in data.iterdir() if path.is_dir()):
        places: dict[tuple[str, str], str] = {}
        for split in SPLITS:
            for index in sorted((prepared / split).glob("*.json")):
                for face in json.loads(index.read_text()):
                    keys = [(kind, face[kind]) for kind in ("group", "pair", "source") if face.get(kind)]
                    for key in keys:
                        if places.setdefault(key, split) != split:
                            raise ValueError(
                                f"{prepared.name}: the {key[0]} {key[1]!r} stands in train and in dev; "
                                "split by person"
                            )
                    _check_content(hashes, face, prepared.name, split)


def take_out_shared(data: Path) -> list[str]:
    """Take out of dev what holds a file of train under another name: the whole person, original or pair.

    Published sets hold such doubles: DFDC has the same picture as two originals.

    Args:
        data: Prepared sets, `<set>/<split>/*.json`.

    Returns:
        The sources of the faces that were taken out.
    """
    known = {face.sha256 for _, _, faces in _faces(data, "train") for face in faces if face.sha256}
    shared: set[tuple[str, str]] = set()  # set and group
    dev = _faces(data, "dev")
    for prepared, _, faces in dev:
        shared |= {(prepared, face.group) for face in faces if face.sha256 in known}
    taken: list[str] = []
    for prepared, index, faces in dev:
        kept = [i for i, face in enumerate(faces) if (prepared, face.group) not in shared]
        if len(kept) < len(faces):
            taken += [face.source for face in faces if (prepared, face.group) in shared]
            _keep(index, kept)
    return taken


def _faces(data: Path, split: str) -> list[tuple[str, Path, tuple[Face, ...]]]:
    """The name of the set, the index and what it says of the faces, for all shards of all sets."""
    return [
        (index.parents[1].name, index, read_faces(index.parent, index.stem))
        for index in sorted(data.glob(f"*/{split}/*.json"))
    ]


def _keep(index: Path, kept: list[int]) -> None:
    shard = read_shard(index.parent, index.stem)
    images, landmarks = np.array(shard.images[kept]), shard.landmarks[kept]
    faces: list[Face] = [shard.faces[i] for i in kept]
    index.unlink()  # so that nobody takes the old index for that of the new images
    write_shard(index.parent, index.stem, list(images), list(landmarks), faces)


def _check_content(
    hashes: dict[str, tuple[str, str]], face: dict[str, str], prepared: str, split: str
) -> None:
    name = f"{prepared}: {face['source']}"
    if face.get("sha256"):
        other_split, other = hashes.setdefault(face["sha256"], (split, name))
        if other_split != split:
            raise ValueError(f"the same file stands in train and in dev: {other} and {name}; remove one")
