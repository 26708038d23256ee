"""Deleting files that belong to no row: what a kill in the middle of an upload or a save left behind."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings

from ml_app.models import FaceFrame, Scan, Video
from ml_app.uploads import incoming_dir, lock

logger = logging.getLogger(__name__)
EMPTY_FOLDER_SECONDS = 60.0  # a folder younger than this may be about to receive its file


def delete_orphans() -> int:
    """Delete uploads that nobody writes any more, and media files without a row. Returns how many."""
    media = Path(settings.MEDIA_ROOT)
    deleted = [path for path in _files(incoming_dir()) if _delete_if_dead(path, lambda: False)]
    deleted += [path for path in _files(media / "videos") if _delete_if_dead(path, _is_kept(path, media))]
    for folder in _folders(media / "scans"):
        deleted += _delete_pictures(folder, media)
    for path in deleted:
        logger.info("Deleted %s, which belongs to no row", path.relative_to(media))
    for kind in ("videos", "scans"):
        _remove_empty_folders(media / kind)
    return len(deleted)


def _is_kept(path: Path, media: Path) -> Callable[[], bool]:
    name = path.relative_to(media).as_posix()
    return lambda: Video.objects.filter(file=name).exists()


def _delete_if_dead(path: Path, is_kept: Callable[[], bool]) -> bool:
    # An upload holds the lock until its row is committed: look for the row after the lock was taken.
    try:
        with path.open("r+b") as file:
            if not lock(file, path) or is_kept():
                return False
            path.unlink()
            return True
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            logger.warning("%s cannot be deleted: %s", path, error)
        return False


def _delete_pictures(folder: Path, media: Path) -> list[Path]:
    """A worker writes pictures while its scan runs, and commits them together with the scan's end.

    So the order counts: first the list of files, then whether the scan has ended, then which files it has.
    """
    files = _files(folder)
    try:
        scan_id = UUID(folder.name)
    except ValueError:
        return []
    if not files or Scan.objects.active().filter(pk=scan_id).exists():
        return []
    kept: set[str] = set()
    for names in FaceFrame.objects.filter(face__scan=scan_id).values_list("thumbnail", "heatmap"):
        kept.update(names)
    orphans = [path for path in files if path.relative_to(media).as_posix() not in kept]
    for path in orphans:
        path.unlink(missing_ok=True)
    return orphans


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*") if path.is_dir())


def _remove_empty_folders(folder: Path) -> None:
    old = time.time() - EMPTY_FOLDER_SECONDS
    for path in sorted(folder.rglob("*"), reverse=True):  # the inner ones first
        with contextlib.suppress(OSError):  # not empty, or gone
            if path.is_dir() and path.stat().st_mtime < old:
                path.rmdir()
