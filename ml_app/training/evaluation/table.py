"""The table of clips to measure on: `file` and `label`, and what else is known of each clip."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS = {"real": False, "fake": True}
KNOWN = ("file", "label", "split", "family", "generator_or_corpus", "pair", "origin")


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A line of the table. Columns that it lacks are empty."""

    file: str  # as it stands in the table
    path: Path
    fake: bool
    split: str = ""
    family: str = ""
    generator: str = ""  # of a fake, or the corpus of a genuine clip
    pair: str = ""  # the same for a genuine clip and its manipulated versions
    origin: str = ""  # the page or repository that it comes from

    @property
    def label(self) -> str:
        """As in the table: real or fake."""
        return "fake" if self.fake else "real"


def read_table(table: Path, split: str | None = None) -> list[LabelledClip]:
    """Read the clips of a table, in its order.

    Args:
        table: CSV with a header. `file` is relative to the table; `label` is real or fake.
        split: Only the lines whose column `split` says so; None takes all.

    Raises:
        ValueError: A column is missing, a label is neither, a file is listed twice, or nothing is left; says
            where and what to do.
        OSError: The table cannot be read.
    """
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        for column in ("file", "label", *(["split"] if split else [])):
            if column not in columns and not (column == "file" and "path" in columns):
                named = ", ".join(columns) or "nothing"
                raise ValueError(f"{table} has no column {column!r}; its first line names {named}.")
        try:
            clips = [_clip(table, reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{table} is not a table of values with commas, in UTF-8: {error}.") from error
    _refuse_twice(table, clips)
    chosen = [clip for clip in clips if split is None or clip.split == split]
    if not chosen:
        found = ", ".join(sorted({clip.split for clip in clips if clip.split})) or "none"
        missed = f" of the split {split!r}; it has: {found}" if split else ""
        raise ValueError(f"{table} lists no clips{missed}.")
    return chosen


def _clip(table: Path, line: int, row: Mapping[str, str | None]) -> LabelledClip:
    file, label, split, family, generator, pair, origin = (
        (row.get(column) or "").strip() for column in KNOWN
    )
    file = file or (row.get("path") or "").strip()  # as `prepare` allows
    if not file:
        raise ValueError(f"{table}, line {line}: the column file is empty.")
    if label.lower() not in LABELS:
        raise ValueError(f"{table}, line {line}: the label is {label!r}; it must be real or fake.")
    return LabelledClip(
        file, table.parent / file, LABELS[label.lower()], split, family, generator, pair, origin
    )


def _refuse_twice(table: Path, clips: Sequence[LabelledClip]) -> None:
    seen: set[str] = set()
    for clip in clips:
        if clip.file in seen:
            raise ValueError(f"{table} lists {clip.file} twice; each clip counts once.")
        seen.add(clip.file)
