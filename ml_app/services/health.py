"""Whether this installation can do its work now. Asked every few seconds, so each question is a small one."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

from deepfake_site.celery import app
from ml_app.models import SEEN_SECONDS, Worker
from ml_app.services.detectors import detector_state
from ml_app.storage import media_files

logger = logging.getLogger(__name__)
SQLITE_FULL = 13
FRESH_SECONDS = 2.0  # an answer this young is given again, however many ask


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the site needs. `message` is empty if it is there; it names no address and no secret."""

    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of every part, by its name."""

    parts: dict[str, Part]

    @property
    def ok(self) -> bool:
        """Whether an upload would be accepted and analysed."""
        return all(part.ok for part in self.parts.values())


class _Latest:
    """The answer of the last two seconds, so that nobody can keep the broker busy by asking."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: Readiness | None = None
        self._at = 0.0

    def get(self, ask: Callable[[], Readiness]) -> Readiness:
        with self._lock:
            if self._answer is None or time.monotonic() - self._at > FRESH_SECONDS:
                self._answer, self._at = ask(), time.monotonic()
            return self._answer

    def forget(self) -> None:
        self._answer = None


latest = _Latest()


def readiness() -> Readiness:
    """Database, broker, disk, workers and checkpoint; at most two seconds old."""
    return latest.get(_ask)


def _ask() -> Readiness:
    checks = {
        "database": _database,
        "broker": _broker,
        "disk": _disk,
        "worker": _worker,
        "checkpoint": _checkpoint,
    }
    if media_files.is_remote():
        checks["storage"] = _storage
    return Readiness({name: _safely(name, check) for name, check in checks.items()})


def _safely(name: str, check: Callable[[], Part]) -> Part:
    try:
        return check()
    except Error as error:
        connection.close()  # or the next request in this thread would be given the broken one
        logger.warning("Not ready: %s: %s", name, error)
        return Part(False, "The database does not answer.")
    except Exception as error:  # each broker and storage has its own exceptions
        logger.warning("Not ready: %s: %s: %s", name, type(error).__name__, error)
        return Part(False, "It does not answer; the log says why.")


def _database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Part(True)


def _broker() -> Part:
    with app.connection_for_write(connect_timeout=1.0) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=1)
        broker.default_channel  # noqa: B018 - the embedded one looks for its folder here
    if settings.CELERY_BROKER_URL.startswith("filesystem:") and not os.access(settings.BROKER_DIR, os.W_OK):
        return Part(False, "The folder of the embedded broker cannot be written.")
    return Part(True)


def database_is_full(error: Exception) -> bool:
    """Whether a database's error says that its disk has no room left."""
    cause = error.__cause__
    return getattr(cause, "sqlite_errorcode", 0) == SQLITE_FULL or getattr(cause, "sqlstate", "") == "53100"


def free_bytes() -> int:
    """Room on the disk that takes uploads."""
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _disk() -> Part:
    free, least = free_bytes() // 1024**2, settings.MIN_FREE_DISK_MB
    if free < least:
        return Part(False, f"{free} MB are free, and MIN_FREE_DISK_MB asks for {least}.")
    return Part(True)


def _storage() -> Part:
    media_files.check()
    return Part(True)


def _worker() -> Part:
    if Worker.objects.alive().exists():
        return Part(True)
    return Part(False, f"No worker was heard of in the last {SEEN_SECONDS:g} seconds.")


def _checkpoint() -> Part:
    state = detector_state()
    return Part(state.available, str(state.message))
