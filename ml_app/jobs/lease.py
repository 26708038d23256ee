"""The thread beside an analysis: renews its lease, writes its progress, and hears that it is to stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import Error, close_old_connections, connection

from ml_app.models import Scan

if TYPE_CHECKING:
    from ml_app.detection.findings import Progress

logger = logging.getLogger(__name__)
GRACE_SECONDS = 60.0  # for an analysis that was told to stop, until its process is ended
BEAT_SECONDS = 0.5  # how often progress is written, and how soon a request to cancel is heard
# One thread for all scans of this process, so that its connection to the database serves the next one too
_beside = ThreadPoolExecutor(1, "watch")


def lease() -> timedelta:
    """For how long a worker that is not heard of keeps its scan."""
    return timedelta(seconds=settings.LEASE_SECONDS)


class Watch:
    """Runs from `__enter__` to `__exit__` in a thread with a database connection of its own, one at a time.

    The analysis itself never waits for the database: it leaves its progress here, and asks `cancelled`.
    """

    def __init__(self, scan_id: UUID, worker: str, stopping: threading.Event) -> None:
        self.lost = threading.Event()  # the scan is no longer this worker's
        self.cancel_requested = threading.Event()
        self.timed_out = threading.Event()  # it took longer than MAX_SCAN_MINUTES
        self._scan_id, self._worker, self._stopping = scan_id, worker, stopping
        self._latest: Progress | None = None
        self._written: Progress | None = None
        self._renew_at = time.monotonic() + settings.LEASE_SECONDS / 3
        self._late_at = time.monotonic() + settings.MAX_SCAN_MINUTES * 60
        self._wake, self._over = threading.Event(), False

    def __enter__(self) -> Watch:
        self._running = _beside.submit(copy_context().run, self._run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over = True
        self._wake.set()
        failure = self._running.exception()
        if failure is not None:
            logger.error("The watch over this scan ended early", exc_info=failure)

    def progress(self, progress: Progress) -> None:
        """Keep how far the analysis has come. A new stage is written at once, its steps twice a second."""
        is_new_stage = self._latest is None or self._latest.stage != progress.stage
        self._latest = progress
        if is_new_stage:
            self._wake.set()

    def cancelled(self) -> bool:
        """Whether the analysis should stop: the user or the worker's end asks for it, or it is in vain."""
        reasons = (self.cancel_requested, self.lost, self.timed_out, self._stopping)
        return any(reason.is_set() for reason in reasons)

    def _run(self) -> None:
        close_old_connections()  # that of the last scan may have died or be too old
        try:
            while not self._over:
                try:
                    self._beat()
                except Error as error:
                    logger.warning("The database does not answer: %s", error)
                    connection.close()
                self._wake.wait(min(BEAT_SECONDS, settings.LEASE_SECONDS / 3))
                self._wake.clear()
        finally:
            close_old_connections()

    def _keep_time(self) -> None:
        """Ask an analysis that takes too long to stop, and end the process if it does not hear."""
        late = time.monotonic() - self._late_at
        if late > 0:
            self.timed_out.set()
        if late > GRACE_SECONDS:
            detail = f"{settings.MAX_SCAN_MINUTES:g} minutes, and it could not be stopped"
            Scan.objects.fail(self._scan_id, self._worker, code="scan_timeout", detail=detail)
            logger.critical("The analysis hangs; this worker ends itself, and its supervisor starts another")
            logging.shutdown()
            os.kill(os.getpid(), signal.SIGKILL)

    def _beat(self) -> None:
        self._keep_time()
        mine = (self._scan_id, self._worker)
        asked_to_cancel = Scan.objects.held_by(*mine).values_list("cancel_requested", flat=True).first()
        if asked_to_cancel is None:
            self.lost.set()
        elif asked_to_cancel:
            self.cancel_requested.set()
        latest = self._latest
        if latest is not None and latest is not self._written:
            Scan.objects.report(*mine, stage=latest.stage.value, done=latest.done, total=latest.total)
            self._written = latest
        if time.monotonic() >= self._renew_at:
            Scan.objects.renew(*mine, lease=lease())
            self._renew_at = time.monotonic() + settings.LEASE_SECONDS / 3
