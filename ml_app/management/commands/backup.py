"""`manage.py backup`: everything that an installation cannot get back from anywhere else, in one file."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ml_app.management import dumps
from ml_app.models import Scan, Video
from ml_app.storage import media_files

FORMAT = 1
MANIFEST, DATABASE, KEY = "manifest.json", "database", "secret_key"


class Command(BaseCommand):
    """Writes the backup beside its final name and renames it when it is whole."""

    help = (
        "Write database, media and secret key into one tar file, readable by its owner alone, while the site "
        "runs. Media in a bucket are not copied: back the bucket up by its own means. Nor are the weights."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, metavar="FILE", help="such as backup-2026-11-25.tar")
        parser.add_argument("--without-media", action="store_true", help="leave videos and pictures out")

    def handle(self, *args: Any, file: Path, without_media: bool, **options: Any) -> None:
        """Back up, and tell how much."""
        if file.exists():
            raise CommandError(f"{file} exists. Choose another name.")
        if not file.parent.is_dir():
            raise CommandError(f"{file.parent} is no folder.")
        partial = file.with_name(f"{file.name}.partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as target, tarfile.open(fileobj=target, mode="w") as archive:
                about = _write(archive, without_media=without_media or media_files.is_remote())
            partial.rename(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        self.stdout.write(
            f"{file}: {about['videos']} videos, {about['scans']} scans, {about['files']} media files, "
            f"{file.stat().st_size / 1e6:.1f} MB."
        )
        if media_files.is_remote():
            self.stdout.write("The media lie in a bucket and are not in this file.")


def _write(archive: tarfile.TarFile, *, without_media: bool) -> dict[str, Any]:
    # First the rows, then the files: a file that comes in between belongs to no row of the backup, and the
    # sweeper deletes it; the other way round, a row would lack its file.
    about = {
        "format": FORMAT,
        "created_at": timezone.now().isoformat(),
        "database": dumps.vendor(),
        "videos": Video.objects.count(),
        "scans": Scan.objects.count(),
        "files": 0,
    }
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        dump = Path(folder) / DATABASE
        dumps.dump(dump)
        archive.add(dump, DATABASE)
    key = Path(settings.DATA_DIR) / KEY
    if key.exists():
        archive.add(key, KEY)
    if not without_media:
        about["files"] = sum(_add(archive, kind) for kind in ("videos", "scans"))
    # Last, so that a file that was cut off has none.
    text = json.dumps(about, indent=2).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text))
    return about


def _add(archive: tarfile.TarFile, kind: str) -> int:
    media = Path(settings.MEDIA_ROOT)
    added = 0
    for path in sorted((media / kind).rglob("*")):
        if not path.is_file():
            continue
        try:
            archive.add(path, f"media/{path.relative_to(media).as_posix()}", recursive=False)
        except FileNotFoundError:
            continue  # its owner deleted it just now
        added += 1
    return added
