"""What is tried again until it arrives: given to the workers when it is due, after pauses that grow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from deepfake_site.celery import app
from ml_app.models import Scan
from ml_app.models.attempts import AttemptQuerySet

logger = logging.getLogger(__name__)


def send_due(rows: AttemptQuerySet[Any], *, task: str, at_most: int, called: str) -> int:
    """Give the rows that are due to the workers. One too often does no harm: only one can claim it.

    Args:
        rows: Of one kind.
        task: The name of what the worker does with a row's key.
        at_most: So many at once.
        called: The kind, for the log.

    Returns:
        How many were sent.
    """
    sent = 0
    for pk in rows.due().values_list("pk", flat=True)[:at_most]:
        try:
            app.send_task(task, args=[str(pk)], queue=Scan.Queue.BATCH, retry=False, ignore_result=True)
        except Exception as error:  # each broker has its own exceptions; the next round tries again
            logger.warning("%s wait: the broker cannot be reached (%s)", called, error)
            break
        sent += 1
    return sent


def after_pause(attempts: int, pauses: Sequence[int]) -> datetime | None:
    """When to try again after so many attempts; None where it is given up. `pauses` in seconds."""
    return timezone.now() + timedelta(seconds=pauses[attempts - 1]) if attempts <= len(pauses) else None
