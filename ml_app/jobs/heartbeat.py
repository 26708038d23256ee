"""The thread of a worker that tells the database that the worker lives, busy or not."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable

from django.db import Error, connection

from deepfake_site.pulse import show_life
from ml_app.models import Worker

logger = logging.getLogger(__name__)
EVERY_SECONDS = 15.0


def worker_name() -> str:
    """Host and process, which no two workers share."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


class Heartbeat:
    """Beats from `start` to `stop`. A database that does not answer is tried again at the next beat."""

    def __init__(self) -> None:
        self.device = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and take the row away, so that nobody waits a minute to hear that this worker has gone."""
        if self._thread.is_alive():
            self._over.set()
            self._thread.join(timeout=2)

    def _run(self) -> None:
        name = worker_name()
        try:
            while not self._over.is_set():
                show_life("worker")
                self._try(lambda: Worker.objects.beat(name, device=self.device))
                self._over.wait(EVERY_SECONDS)
            self._try(lambda: Worker.objects.filter(pk=name).delete())
        finally:
            connection.close()

    @staticmethod
    def _try(change: Callable[[], object]) -> None:
        try:
            change()
        except Error as error:
            logger.warning("The database does not answer: %s", error)
            connection.close()
