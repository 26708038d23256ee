"""The few things that are done with kept media, in a folder and in a bucket.

Everything else names files by their name in the storage, such as `videos/<id>/original.mp4`, and asks here.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ml_app.storage.uploads import IncomingFile, incoming_dir

logger = logging.getLogger(__name__)
PER_REQUEST = 1000  # names that one request to a bucket can delete


def is_remote() -> bool:
    """Whether media lie in a bucket."""
    return bool(settings.MEDIA_STORAGE_URL)


def keep(incoming: IncomingFile, name: str) -> Callable[[], None]:
    """Give an upload its place. Returns what takes that back, for a transaction that fails."""
    if not is_remote():
        return incoming.move_to(Path(default_storage.path(name)))
    _bucket().upload_file(str(incoming.path), _key(name))
    return lambda: delete([name])  # the upload's own file goes when it is closed


def write(name: str, content: bytes) -> str:
    """Keep a small file under a name that is new for certain. Returns the name."""
    if is_remote():
        return default_storage.save(name, ContentFile(content))
    path = Path(default_storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:  # what Django's storage does to find a free name costs ten times as much
        if settings.FILE_UPLOAD_PERMISSIONS is not None:
            os.fchmod(file.fileno(), settings.FILE_UPLOAD_PERMISSIONS)
        file.write(content)
    return name


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """A path of this machine to read a file from, inside the block.

    From a bucket it is copied into a file without a name, which is gone with the process however that ends.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not is_remote():
        yield Path(default_storage.path(name))
        return
    with tempfile.TemporaryFile(dir=incoming_dir()) as file:
        with _not_found(name):
            _bucket().download_fileobj(_key(name), file)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


def size_of(name: str) -> int | None:
    """Bytes of a file; None if there is none."""
    try:
        if not is_remote():
            return Path(default_storage.path(name)).stat().st_size
        with _not_found(name):
            return int(_bucket().Object(_key(name)).content_length)
    except FileNotFoundError:
        return None


def open_at(name: str, first: int, last: int) -> IO[bytes]:
    """A file to read from byte `first` on; a remote one ends after byte `last`. The caller closes it."""
    if not is_remote():
        file = Path(default_storage.path(name)).open("rb")  # noqa: SIM115 - the caller closes it
        file.seek(first)
        return file
    body = _bucket().Object(_key(name)).get(Range=f"bytes={first}-{last}")["Body"]
    return cast("IO[bytes]", body)


def delete(names: Sequence[str]) -> None:
    """Delete files. Those that are not there are gone already."""
    if not is_remote():
        for name in names:
            default_storage.delete(name)
        return
    for start in range(0, len(names), PER_REQUEST):
        keys = [{"Key": _key(name)} for name in names[start : start + PER_REQUEST]]
        for error in _bucket().delete_objects(Delete={"Objects": keys, "Quiet": True}).get("Errors", ()):
            logger.warning("%s stays for the sweeper: %s", error.get("Key"), error.get("Message"))


def delete_folder(folder: str) -> None:
    """Delete everything below a name."""
    if is_remote():
        delete([stored.name for stored in stored_below(f"{folder}/")])
    else:
        shutil.rmtree(default_storage.path(folder), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a bucket."""

    name: str
    changed_at: datetime


def stored_below(prefix: str) -> Iterator[Stored]:
    """All files of the bucket whose names begin so, a page of a thousand at a time."""
    skipped = len(_key(prefix)) - len(prefix)
    for found in _bucket().objects.filter(Prefix=_key(prefix)):
        yield Stored(found.key[skipped:], found.last_modified)


def check() -> None:
    """Ask the bucket whether it is there.

    Raises:
        Exception: Whatever boto3 says, if it is not.
    """
    bucket = _bucket()
    bucket.meta.client.head_bucket(Bucket=bucket.name)


def _bucket() -> Any:
    return cast("Any", default_storage).bucket


def _key(name: str) -> str:
    location = cast("Any", default_storage).location
    return f"{location}/{name}" if location else name


@contextmanager
def _not_found(name: str) -> Iterator[None]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only where it is used

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey"):
            raise FileNotFoundError(name) from error
        raise
