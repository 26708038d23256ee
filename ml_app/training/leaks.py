"""No leak: what a detector learned from must not stand in what it is chosen or measured by."""

from __future__ import annotations

import json
from pathlib import Path

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


def _check_content(
    hashes: dict[str, tuple[str, str]], face: dict[str, str], prepared: str, split: str
) -> None:
    name = f"{prepared}: {face['source']}"
    if face.get("sha256"):
        other_split, other = hashes.setdefault(face["sha256"], (split, name))
        if other_split != split:
            raise ValueError(f"the same file stands in train and in dev: {other} and {name}; remove one")
