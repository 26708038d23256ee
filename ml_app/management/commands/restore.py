"""`manage.py restore`: put a backup in the place of what an installation holds."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tarfile
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from ml_app.management import dumps
from ml_app.management.commands.backup import DATABASE, FORMAT, KEY, MANIFEST
from ml_app.models import Scan, Video


class Command(BaseCommand):
    """Checks the file before it touches anything."""

    requires_system_checks = []
    help = (
        "Put the database, media and secret key of a backup in place, then bring the database up to this "
        "version. Stop web server, workers and sweeper first, on every host. An installation that holds "
        "videos is only replaced with --replace."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, metavar="FILE", help="made by `manage.py backup`")
        parser.add_argument("--replace", action="store_true", help="delete what is there now")

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        """Restore, and tell how much."""
        with _opened(file) as archive, _nobody_else():
            about = _about(archive, file)
            if not replace and _holds_something():
                raise CommandError("This installation holds videos. --replace deletes them.")
            _restore(archive)
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write(
            f"Restored {Video.objects.count()} videos and {Scan.objects.count()} scans of "
            f"{about['created_at']}, {about['files']} media files. Start the site again."
        )


def _opened(file: Path) -> tarfile.TarFile:
    try:
        archive = tarfile.open(file, "r:")  # noqa: SIM115 - the caller closes it
        entries = archive.getmembers()  # reads to the end
    except (OSError, tarfile.TarError) as error:
        raise CommandError(f"{file} cannot be read as a backup: {error}") from error
    for entry in entries:
        parts = PurePosixPath(entry.name).parts
        if not entry.isreg() or ".." in parts or parts[0] == "/":
            raise CommandError(f"{file} holds {entry.name!r}, which no backup of this site does.")
    return archive


@contextmanager
def _nobody_else() -> Iterator[None]:
    with (settings.DATA_DIR / "run.lock").open("a+") as lock:  # `manage.py run` holds it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError("The site runs from this folder. Stop it first.") from error
        yield


def _about(archive: tarfile.TarFile, file: Path) -> dict[str, Any]:
    names = archive.getnames()
    if MANIFEST not in names or DATABASE not in names:
        raise CommandError(f"{file} is no backup of this site, or was cut off.")
    manifest = archive.extractfile(MANIFEST)
    assert manifest is not None  # noqa: S101 - for the type checker
    about: dict[str, Any] = json.load(manifest)
    if about["format"] != FORMAT:
        raise CommandError(f"{file} was made by a newer version. Upgrade this installation first.")
    if about["database"] != dumps.vendor():
        raise CommandError(
            f"The backup is of {about['database']}, this database of {dumps.vendor()}: set DATABASE_URL to "
            "one of the same kind."
        )
    if sum(name.startswith("media/") for name in names) != about["files"]:
        raise CommandError(f"{file} does not hold the {about['files']} media files that it should.")
    return about


def _holds_something() -> bool:
    if "ml_app_video" not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:  # not by the model, whose columns an older database may lack
        cursor.execute("SELECT 1 FROM ml_app_video LIMIT 1")
        return cursor.fetchone() is not None


def _restore(archive: tarfile.TarFile) -> None:
    media = Path(settings.MEDIA_ROOT)
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        _put(archive, archive.getmember(DATABASE), Path(folder), DATABASE)
        dumps.load(Path(folder) / DATABASE)
        if KEY in archive.getnames():
            _put(archive, archive.getmember(KEY), Path(folder), KEY)
            key = Path(folder) / KEY
            key.chmod(0o600)
            shutil.move(key, Path(settings.DATA_DIR) / KEY)
    files = [entry for entry in archive.getmembers() if entry.name.startswith("media/")]
    if files:
        for kind in ("videos", "scans"):
            shutil.rmtree(media / kind, ignore_errors=True)
    for entry in files:
        _put(archive, entry, media, entry.name.removeprefix("media/"))


def _put(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, name: str) -> None:
    """Write one file. `TarFile.extract` is safe from Python 3.11.4 on only, and Debian 12 has 3.11.2."""
    target, content = folder / name, archive.extractfile(entry)
    assert content is not None  # noqa: S101 - a plain file: `_opened` has looked
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(entry.mode & 0o644)
    os.utime(target, (entry.mtime, entry.mtime))
