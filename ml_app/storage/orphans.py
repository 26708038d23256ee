"""Deleting files that belong to no row: what a kill in the middle of an upload or a save left behind."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.conf import settings

from ml_app.models import Batch, FaceFrame, Scan, Video
from ml_app.storage import media_files
from ml_app.storage.bucket_orphans import delete_remote_orphans
from ml_app.storage.uploads import incoming_dir, lock

logger = logging.getLogger(__name__)
AT_ONCE = 500  # files of videos that one query asks for
FOLDERS_AT_ONCE = 50  # of pictures, which are some dozens each
EMPTY_FOLDER_SECONDS = 60.0  # a folder younger than this may be about to receive its file


def delete_orphans() -> int:
    """Delete uploads that nobody writes any more, and media files without a row. Returns how many."""
    dead = delete_dead_uploads()
    if media_files.is_remote():
        return dead + delete_remote_orphans()
    media = Path(settings.MEDIA_ROOT)
    deleted = [path for path in _unknown(media) if _delete_if_dead(path, _is_kept(path, media))]
    folders = _folders(media / "scans")
    while some := list(islice(folders, FOLDERS_AT_ONCE)):
        deleted += _delete_pictures(some, media)
    archives = (path for path in _files(media / "batches") if not _has_batch(path, media)())
    deleted += [path for path in archives if _delete_if_dead(path, _has_batch(path, media))]
    for path in deleted:
        logger.info("Deleted %s, which belongs to no row", path.relative_to(media))
    for kind in ("videos", "scans", "batches"):
        _remove_empty_folders(media / kind)
    return dead + len(deleted)


def delete_dead_uploads() -> int:
    """Delete what a dead web server was still receiving. Looks into one small folder."""
    deleted = [path for path in _files(incoming_dir()) if _delete_if_dead(path, lambda: False)]
    for path in deleted:
        logger.info("Deleted %s, which nobody writes any more", path.name)
    return len(deleted)


def _unknown(media: Path) -> Iterator[Path]:
    """Files of videos that no row names so far, asked for many at a time."""
    files = iter(_files(media / "videos"))
    while some := {path.relative_to(media).as_posix(): path for path in islice(files, AT_ONCE)}:
        known = set(Video.objects.filter(file__in=some).values_list("file", flat=True))
        yield from (path for name, path in some.items() if name not in known)


def _is_kept(path: Path, media: Path) -> Callable[[], bool]:
    name = path.relative_to(media).as_posix()
    return lambda: Video.objects.filter(file=name).exists()


def _has_batch(path: Path, media: Path) -> Callable[[], bool]:
    name = path.relative_to(media).as_posix()
    return lambda: Batch.objects.filter(archive=name).exists()


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


def _delete_pictures(folders: list[Path], media: Path) -> list[Path]:
    """A worker writes pictures while its scan runs, and commits them together with the scan's end.

    So the order counts: first the list of files, then which scans have ended, then which files they have.
    """
    files = {scan: _files(folder) for folder in folders if (scan := _scan_of(folder))}
    active = set(Scan.objects.active().filter(pk__in=files).values_list("pk", flat=True))
    ended = [scan for scan, found in files.items() if found and scan not in active]
    kept: set[str] = set()
    for names in FaceFrame.objects.filter(face__scan__in=ended).values_list("thumbnail", "heatmap"):
        kept.update(names)
    found = (path for scan in ended for path in files[scan])
    orphans = [path for path in found if path.relative_to(media).as_posix() not in kept]
    for path in orphans:
        path.unlink(missing_ok=True)
    return orphans


def _scan_of(folder: Path) -> UUID | None:
    with contextlib.suppress(ValueError):
        return UUID(folder.name)
    return None


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
