"""How an upload reaches the disk: streamed, hashed on its way, and never taken for rubbish while it lives.

A file in `incoming/` is locked (flock) by the process that writes it for as long as that process lives and
has not committed the row the file belongs to. So whoever can take the lock knows that a file without a row
is nobody's: that is how the sweeper tells a dead upload from a slow one, after any kill at any moment.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from ml_app.errors import ServiceError, refuse

logger = logging.getLogger(__name__)
FORM_OVERHEAD = 64 * 1024  # what a form's other fields and its boundaries may add to the file
LINGER_SECONDS = 10.0  # how long a refused upload is listened to
DRAIN_FACTOR = 2  # a request up to so many times the limit is read to its end, so that the answer is seen


def incoming_dir() -> Path:
    """Where uploads are written before they belong to a row. On the same file system as the media."""
    path = Path(settings.MEDIA_ROOT) / "incoming"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def max_upload_bytes() -> int:
    """The largest file that is accepted."""
    return settings.MAX_UPLOAD_MB * 1024**2


def harmless_suffix(name: str) -> str:
    """The suffix of a file name if it is a plain one, such as ".mp4"; empty otherwise."""
    suffix = PurePosixPath(name).suffix.lower()[:8]
    return suffix if suffix[1:].isalnum() and suffix.isascii() else ""


def lock(file: IO[bytes], path: Path) -> bool:
    """Take the lock of an open file, if nobody has it and `path` is still that file."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def disk_is_full(error: BaseException) -> bool:
    """Whether there was no room on the disk, in a quota or under a limit of file sizes."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if disk_is_full(error):
            raise refuse("disk_full") from error
        raise


class IncomingFile(UploadedFile):
    """An upload on the disk, locked. Closing it deletes it, unless it was moved to where it is kept."""

    def __init__(self, name: str, content_type: str | None = None) -> None:
        with _room():
            self.path, self._handle = _create(harmless_suffix(name))
        super().__init__(self._handle, name=name, content_type=content_type, size=0)
        self.size: int = 0
        self._digest = hashlib.sha256()
        self._kept = False

    @property
    def sha256(self) -> str:
        """Of what was written so far, as lower-case hex."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Add to the end.

        Raises:
            ServiceError: "too_large" or "disk_full". What was written is deleted when the file is closed.
        """
        if self.size + len(data) > max_upload_bytes():
            raise refuse("too_large")
        with _room():
            self._handle.write(data)
        self._digest.update(data)
        self.size += len(data)

    def finish(self) -> None:
        """All has been written: see it onto the disk, so that a row never names a file that is not there."""
        with _room():
            self._handle.flush()
            os.fsync(self._handle.fileno())
        self._handle.seek(0)

    def move_to(self, target: Path) -> Callable[[], None]:
        """Give the file its place. Returns what takes that back, for a transaction that fails."""
        with _room():
            target.parent.mkdir(parents=True, exist_ok=True)
        if settings.FILE_UPLOAD_PERMISSIONS is not None:
            self.path.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        self.path.rename(target)
        self._kept = True

        def take_back() -> None:
            target.rename(self.path)
            self._kept = False

        return take_back

    def temporary_file_path(self) -> str:
        """The name by which Django's file fields know that they need not copy the content."""
        return str(self.path)

    def close(self) -> None:
        if not self.closed:
            if not self._kept:
                self.path.unlink(missing_ok=True)
            with suppress(OSError):  # on a full disk, what is still buffered cannot be written
                self._handle.close()  # and with it goes the lock


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _create(suffix: str) -> tuple[Path, IO[bytes]]:
    while True:  # the sweeper may have taken the file between its creation and its lock
        path = incoming_dir() / f"{secrets.token_hex(16)}{suffix}"
        file = open(path, "x+b", opener=_private)  # noqa: SIM115 - Path.open takes no opener
        if lock(file, path):
            return path, file
        file.close()


def spool(upload: UploadedFile) -> IncomingFile:
    """What the handler below made, or any other upload or file written out in the same way."""
    if isinstance(upload, IncomingFile):
        return upload
    incoming = IncomingFile(upload.name or "", upload.content_type)
    try:
        for chunk in upload.chunks():
            incoming.append(chunk)
        incoming.finish()
    except BaseException:
        incoming.close()
        raise
    return incoming


class IncomingUploadHandler(FileUploadHandler):
    """Streams each uploaded file into an `IncomingFile`. Set in FILE_UPLOAD_HANDLERS."""

    file: IncomingFile

    def handle_raw_input(self, input_data: Any, meta: Any, content_length: int, *rest: Any) -> None:
        self._request_bytes = content_length

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self._request_bytes > max_upload_bytes() + FORM_OVERHEAD:
            self._stop(refuse("too_large"))
        self.file = IncomingFile(self.file_name or "", self.content_type)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            self.file.append(raw_data)
        except ServiceError as error:
            self._stop(error)

    def file_complete(self, file_size: int) -> IncomingFile:
        try:
            self.file.finish()
        except ServiceError as error:
            self._stop(error)
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()

    def _stop(self, error: ServiceError) -> None:
        logger.info("Upload of %r refused: %s", self.file_name, error.code)
        setattr(self.request, _REFUSAL, error)
        raise StopUpload(connection_reset=self._request_bytes > max_upload_bytes() * DRAIN_FACTOR)


_REFUSAL = "_upload_refusal"


def throw_away_body(request: HttpRequest) -> None:
    """Read what nobody has read of a request that is already answered, for a while.

    A server that closes a connection on which bytes still come in resets it, and what it has answered may be
    lost on the way: nginx, still sending, then tells its client 502. So once the answer is out, the body is
    thrown away until the other side has understood and stops: nginx at once, a browser when it has sent all.
    """
    until = time.monotonic() + LINGER_SECONDS
    with suppress(OSError):  # the other side has closed, as it may
        while time.monotonic() < until and request.read(1 << 16):
            pass


def uploaded_files(request: HttpRequest, field: str) -> list[UploadedFile]:
    """The files of a form field, at least one. Together they may be as large as one alone.

    Raises:
        ServiceError: "too_large" or "disk_full" if the upload was stopped, "no_file" if there is none.
    """
    files = request.FILES.getlist(field)  # parses the request, if nobody has yet
    refusal: ServiceError | None = getattr(request, _REFUSAL, None)
    if refusal is not None:
        raise refusal
    if not files:
        raise refuse("no_file")
    return files
