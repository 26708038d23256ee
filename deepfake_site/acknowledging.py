"""A worker that notices that its broker went away while it was busy."""

from __future__ import annotations

import logging

from celery.worker import request

logger = logging.getLogger(__name__)


class Request(request.Request):
    """Celery's own logs an acknowledgement that did not get through and goes on as if nothing was wrong.

    With Redis it then waits for ever at a connection that is no more, alive and deaf. So here the error goes
    up to the worker's loop, which connects anew. The message comes again, and finds that its scan is done.
    """

    def acknowledge(self) -> None:
        """Tell the broker that the message was dealt with.

        Raises:
            Exception: The transport's own, where the broker cannot be told.
        """
        if not self.acknowledged:
            self.acknowledged = True
            self._on_ack(logger, ())  # type: ignore[attr-defined]  # not in the stubs
