"""Which static files are collected, and that only when they have changed, for a start in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage


class AppDirectoriesFinder(finders.AppDirectoriesFinder):
    """Leaves out what no page asks for and takes most of the time to compress."""

    LEFT_OUT = (
        "*.map",
        "django_htmx",  # we have htmx itself in static/vendor
        "redoc",
        "swagger-ui-standalone-preset.js",
    )

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
        """Names of files, each with the storage that it is in."""
        yield from super().list([*(ignore_patterns or ()), *self.LEFT_OUT])


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # it has no types
    """Compresses the files whose names have a hash, which are those that pages ask for."""

    patterns = tuple(  # Django's but for those of source maps, which are left out
        (files, tuple(one for one in found if "sourceMappingURL" not in str(one)))
        for files, found in CompressedManifestStaticFilesStorage.patterns
    )

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Their names, each with that of a compressed copy."""
        hashed = set(self.hashed_files.values())
        yield from super().compress_files(path for path in paths if path in hashed)


def collect_if_changed() -> bool:
    """Run collectstatic if a source file, Django or the target differs from the last time."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    fingerprint = _fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(fingerprint)
    return True


def _fingerprint() -> str:
    digest = hashlib.sha256(django.__version__.encode())
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
