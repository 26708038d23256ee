"""The zip files that somebody names on the command line, and what is in them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from ml_app.batches.archive import Member, members, read_member
from ml_app.detection.errors import VideoError
from ml_app.errors import ServiceError, scan_errors
from ml_app.storage.uploads import harmless_suffix, max_upload_bytes


def split(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Zip files, and the others."""
    zips = [path for path in paths if path.suffix.lower() == ".zip" and path.is_file()]
    return zips, [path for path in paths if path not in zips]


def listed(path: Path) -> list[Member]:
    """What is in a zip file.

    Raises:
        VideoError: Nothing of it can be used, with the code and the sentence of the pages.
    """
    try:
        return members(path, at_most=settings.BATCH_FILES)
    except ServiceError as error:
        raise VideoError(error.code, str(error)) from error


@contextmanager
def unpacked(path: Path, member: Member) -> Iterator[Path]:
    """One file of a zip file, as long as the block lasts.

    Raises:
        VideoError: It is refused.
    """
    with tempfile.TemporaryDirectory(prefix="zip-") as folder:
        if member.code:
            raise VideoError(member.code, str(scan_errors[member.code]))
        target = Path(folder) / f"video{harmless_suffix(member.name)}"
        try:
            with target.open("wb") as file:
                for data in read_member(path, member.number, at_most=max_upload_bytes()):
                    file.write(data)
        except ServiceError as error:
            raise VideoError(error.code, str(error)) from error
        yield target
