"""Reviewed videos as a table with media, which `evaluate`, `calibrate` and `prepare` take as it is."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.errors import refuse
from ml_app.models import Review, ReviewCaseQuerySet, Video
from ml_app.storage import media_files
from ml_app.storage.uploads import disk_is_full, incoming_dir

TABLE = "clips.csv"
COLUMNS = ("file", "split", "label", "generator_or_corpus")
SPLITS = ("train", "dev", "test")
CORPUS = "reviewed on this site"
_LABELS = {Review.Decision.CONFIRMED_FAKE.value: "fake", Review.Decision.CONFIRMED_GENUINE.value: "real"}


@dataclass(frozen=True, slots=True)
class ReviewedClip:
    """A video that reviewers settled as genuine or fake."""

    name: str  # in the export: the beginning of its SHA-256, nothing that people called it
    label: str  # "real" or "fake"
    stored: str  # the name in the storage


def reviewed_clips(cases: ReviewCaseQuerySet) -> Iterator[ReviewedClip]:
    """Each file once, whoever uploaded it and however often it was scanned; in the order of their hashes.

    Pictures are left out, and so are files that are no longer kept, and those whose scans were settled as
    genuine and as fake: such a label would teach nothing.
    """
    rows = (
        cases.filter(needs=0, outcome__in=_LABELS, scan__video__kind=Video.Kind.VIDEO)
        .exclude(scan__video__file="")
        .exclude(scan__video__file=None)
        .order_by("scan__video__sha256", "pk")
        .values_list("scan__video__sha256", "scan__video__file", "outcome")
    )
    labels: dict[str, set[str]] = {}
    stored: dict[str, str] = {}
    for sha256, file, outcome in rows.iterator(chunk_size=2000):
        labels.setdefault(sha256, set()).add(_LABELS[outcome])
        stored[sha256] = file
    for sha256, found in labels.items():
        if len(found) == 1:
            suffix = PurePosixPath(stored[sha256]).suffix
            yield ReviewedClip(f"media/{sha256[:32]}{suffix}", found.pop(), stored[sha256])


def export(cases: ReviewCaseQuerySet, *, split: str = "") -> IO[bytes]:
    """A zip file of the table and its media: open at its beginning, gone when it is closed.

    Args:
        split: Of `SPLITS`, for all of them; without one the readers of the table deal them out.

    Raises:
        ServiceError: "no_clips" or "disk_full".
    """
    file: IO[bytes] = tempfile.TemporaryFile(dir=incoming_dir())  # noqa: SIM115 - the caller closes it
    try:
        number = _write(file, cases, split)
        if not number:
            raise refuse("no_clips")
        file.flush()
    except BaseException as error:
        with suppress(OSError):
            file.close()
        if disk_is_full(error):
            raise refuse("disk_full") from error
        raise
    file.seek(0)
    audit.record(Action.EXPORTED, Subject(ObjectKind.SCANS), format="clips", files=number)
    return file


def _write(file: IO[bytes], cases: ReviewCaseQuerySet, split: str) -> int:
    rows: list[tuple[str, ...]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for clip in reviewed_clips(cases):
            with suppress(FileNotFoundError), media_files.local_copy(clip.stored) as path:
                archive.write(path, clip.name)
                rows.append((clip.name, split, clip.label, CORPUS))
        table = io.StringIO(newline="")
        csv.writer(table).writerows([COLUMNS, *rows])
        archive.writestr(TABLE, table.getvalue())
    return len(rows)
