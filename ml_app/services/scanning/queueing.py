"""Which queue a scan waits in, and when there is no room for another.

A scan that somebody waits for goes before those that are one of many: what the command line and the review
desk order, and what a visitor orders on top of the INTERACTIVE_PER_OWNER that already wait or run.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise

from ml_app.errors import refuse
from ml_app.models import Scan

RETRY_SECONDS = 60  # when to ask again after a full queue


@dataclass(frozen=True, slots=True)
class QueueState:
    """How full a queue is."""

    queue: str
    waiting: int
    limit: int  # 0: none
    message: Promise | str  # for people; empty if there is room

    @property
    def is_full(self) -> bool:
        """Whether another scan would be one too many."""
        return bool(self.message)


def queue_for(*, owner: str) -> str:
    """The queue for the next scan of an owner."""
    soon = [Scan.Queue.INTERACTIVE, Scan.Queue.LINK]  # a link is one that somebody waits for, too
    active = Scan.objects.active().filter(owner=owner, queue__in=soon)
    many = bool(owner) and active.count() >= settings.INTERACTIVE_PER_OWNER
    return Scan.Queue.BATCH if many else Scan.Queue.INTERACTIVE


def queue_state(*, queue: str) -> QueueState:
    """One small query."""
    is_batch = queue in (Scan.Queue.BATCH, Scan.Queue.BATCH_LINK)
    limit = settings.BATCH_QUEUE_LIMIT if is_batch else settings.QUEUE_LIMIT
    waiting = Scan.objects.of_people().waiting(queue).order_by().count()
    full = limit and waiting >= limit
    return QueueState(queue, waiting, limit, refuse("queue_full").message if full else "")


def refuse_if_full(*, queue: str) -> None:
    """
    Raises:
        ServiceError: "queue_full".
    """
    if queue_state(queue=queue).is_full:
        raise refuse("queue_full")
