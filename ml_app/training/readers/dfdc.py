"""DFDC (Dolhansky et al., 2020): parts, each a folder of videos with a metadata.json.

    dfdc_train_part_0/metadata.json     {"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}, …}

The persons are not named: a fake goes where its original goes. Parts whose metadata say `validation` or
`test` are dev and test; the originals of the others are dealt out.
"""

from __future__ import annotations

import json
from pathlib import Path

from ml_app.training.data.items import Clip, Listing, ReaderError, flat
from ml_app.training.data.shards import Face
from ml_app.training.readers.splits import split_of

GIVEN = {"validation": "dev", "test": "test"}


def read(root: Path) -> Listing:
    """The clips of one part, or of all parts below a folder.

    Raises:
        ReaderError: There is no metadata.json, or one is not as above.
    """
    tables = sorted(root.glob("metadata.json")) + sorted(root.glob("*/metadata.json"))
    if not tables:
        raise ReaderError(f"{root} must hold metadata.json, or folders that do")
    clips, missing = [], 0
    for table in tables:
        for name, row in _rows(table).items():
            path = table.parent / name
            if not path.is_file():
                missing += 1
                continue
            fake = row["label"].upper() == "FAKE"
            original = Path(row.get("original") or name).stem if fake else path.stem
            relative = path.relative_to(root)
            face = Face(
                source=relative.as_posix(),
                group=original,
                fake=fake,
                family="face swap" if fake else "real",
                generator="DFDC",
                pair=original,
            )
            split = GIVEN.get(row.get("split") or "") or split_of(original)
            clips.append(Clip(path, split, face, flat(relative)))
    notes = (f"{missing} videos of the metadata are not there",) if missing else ()
    return Listing(root.name, tuple(clips), notes=notes)


def _rows(table: Path) -> dict[str, dict[str, str]]:
    try:
        rows = json.loads(table.read_text())
        if all(row["label"].upper() in {"FAKE", "REAL"} for row in rows.values()):
            return dict(rows)
    except (ValueError, KeyError, AttributeError, TypeError):
        pass
    raise ReaderError(f"{table} must give each video a label, FAKE or REAL")
