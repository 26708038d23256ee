"""A CSV of clips, and the same written: what `prepare`, `calibrate` and `evaluate` have in common.

Columns: `file` or `path` (relative to the table), `label` (real or fake) and, where known, `split` (train,
dev or test), `person`, `family`, `generator_or_corpus` and `pair`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ml_app.training.data.items import Clip, Listing, ReaderError, flat
from ml_app.training.data.shards import Face
from ml_app.training.readers.splits import SPLITS, joined, split_of

COLUMNS = ("file", "split", "label", "family", "generator_or_corpus", "pair", "person")

Row = dict[str, str]


def read(table: Path) -> Listing:
    """The clips of a table as a set of its name; see `read_clips`."""
    return Listing(table.stem, tuple(read_clips(table)))


def read_clips(table: Path) -> list[Clip]:
    """The clips of a table.

    Without a split, clips that share a person or a pair stay together and are dealt out by name.

    Raises:
        ReaderError: A column is missing, or a label or split is none; says which line.
    """
    rows = _rows(table)
    groups = joined([_keys(row) for row in rows])
    stems = Counter(Path(row["file"]).stem for row in rows)
    clips = []
    for row, group in zip(rows, groups, strict=True):
        face = Face(
            source=row["file"],
            group=group.partition(" ")[2],
            fake=row["label"] == "fake",
            family=row.get("family") or row["label"],
            generator=row.get("generator_or_corpus") or "",
            pair=row.get("pair") or "",
        )
        path = Path(row["file"])
        name = path.stem if stems[path.stem] == 1 else flat(path.relative_to(path.anchor))
        clips.append(Clip(table.parent / path, row.get("split") or split_of(face.group), face, name))
    return clips


def write_clips(table: Path, clips: Sequence[Clip]) -> None:
    """Write clips as a table, with whole paths, for `calibrate` and `evaluate`."""
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for clip in clips:
            face = clip.face
            label = "fake" if face.fake else "real"
            place = str(clip.path.absolute())
            writer.writerow([place, clip.split, label, face.family, face.generator, face.pair, face.group])


def _keys(row: Row) -> list[str]:
    keys = [f"{kind} {row[kind]}" for kind in ("pair", "person") if row.get(kind)]
    return keys or [f"file {row['file']}"]


def _rows(table: Path) -> list[Row]:
    rows = []
    with table.open(newline="", encoding="utf-8-sig") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            row["file"] = row.get("file") or row.get("path") or ""
            if not row["file"] or "label" not in row:
                raise ReaderError(f"{table}, line {line}: the columns 'file' and 'label' are needed")
            if row["label"] not in {"real", "fake"}:
                raise ReaderError(f"{table}, line {line}: label is real or fake, not {row['label']!r}")
            if row.get("split") and row["split"] not in SPLITS:
                raise ReaderError(f"{table}, line {line}: split is {', '.join(SPLITS)}, not {row['split']!r}")
            rows.append(row)
    return rows
