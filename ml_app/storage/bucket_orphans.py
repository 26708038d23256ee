"""Deleting files of a bucket that belong to no row. There are no locks there, so age has to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from uuid import UUID

from django.utils import timezone

from ml_app.models import FaceFrame, Scan, Video
from ml_app.storage import media_files

logger = logging.getLogger(__name__)
YOUNG = timedelta(hours=2)  # longer than any upload or scan lies between its file and its row
AT_ONCE = 500


def delete_remote_orphans() -> int:
    """Delete what has lain there for hours without a row. Returns how many files."""
    deleted = 0
    for names in _old_files("videos/"):
        kept = set(Video.objects.filter(file__in=names).values_list("file", flat=True))
        deleted += _delete(names, kept)
    for names in _old_files("scans/"):
        deleted += _delete(names, _kept_pictures(names))
    return deleted


def _old_files(prefix: str) -> Iterator[list[str]]:
    before = timezone.now() - YOUNG
    names = (stored.name for stored in media_files.stored_below(prefix) if stored.changed_at < before)
    while some := list(islice(names, AT_ONCE)):
        yield some


def _kept_pictures(names: list[str]) -> set[str]:
    """Those of these that a row names, or that a scan which has not ended may still commit."""
    scans = {name: scan for name in names if (scan := _scan_of(name))}
    active = set(Scan.objects.active().filter(pk__in=set(scans.values())).values_list("pk", flat=True))
    kept = {name for name in names if scans.get(name) is None or scans[name] in active}
    frames = FaceFrame.objects.filter(face__scan__in=set(scans.values()))
    for pictures in frames.values_list("thumbnail", "heatmap"):
        kept.update(pictures)
    return kept


def _scan_of(name: str) -> UUID | None:
    with suppress(ValueError, IndexError):
        return UUID(name.split("/")[1])
    return None


def _delete(names: list[str], kept: set[str]) -> int:
    orphans = [name for name in names if name not in kept]
    media_files.delete(orphans)
    for name in orphans:
        logger.info("Deleted %s, which belongs to no row", name)
    return len(orphans)
