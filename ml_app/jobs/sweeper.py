"""Putting right what a kill left behind: scans whose worker is gone, lost messages, files without rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from deepfake_site.celery import app
from ml_app.models import Scan, Worker
from ml_app.services.answers import prune_answers
from ml_app.services.notifications import notice_mail, notices, webhooks
from ml_app.services.pruning import prune_findings, prune_media
from ml_app.services.scanning.scans import enqueue
from ml_app.storage.orphans import delete_dead_uploads, delete_orphans

logger = logging.getLogger(__name__)
PRUNED_AT_ONCE = 200  # videos; the rest has time until the next round, and lost scans have not
SENT = (Scan.Queue.INTERACTIVE, Scan.Queue.BATCH)  # links are looked for by the workers themselves
FRESH_SECONDS = 5.0  # a scan this young may still be on its way to the broker


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: numbers of scans and files."""

    expired: int = 0  # scans taken from workers that were not heard of
    sent: int = 0  # waiting scans sent to the broker again
    files: int = 0  # files deleted that belonged to no row
    pruned: int = 0  # videos whose media were older than MEDIA_RETENTION_DAYS
    forgotten: int = 0  # videos that were deleted with their findings after FINDINGS_RETENTION_DAYS


def sweep(*, all_files: bool = True) -> Swept:
    """One round of everything. Safe to run at any time and in several places at once.

    Args:
        all_files: Look at every media file for one without a row, which takes long where there are many;
            otherwise only at uploads that died on their way.
    """
    Worker.objects.forget()
    prune_answers()
    webhooks.note_ended()
    webhooks.send_due()
    webhooks.prune_deliveries()
    tell()
    return Swept(
        expired=take_from_the_lost(),
        sent=send_again(),
        files=delete_orphans() if all_files else delete_dead_uploads(),
        pruned=prune_media(at_most=PRUNED_AT_ONCE),
        forgotten=prune_findings(at_most=PRUNED_AT_ONCE),
    )


def tell() -> None:
    """Note what is to be told, and send what is due."""
    notices.tell_ended()
    notice_mail.gather()
    notice_mail.send_due()
    notices.forget_old()
    notice_mail.forget_old()


def take_from_the_lost() -> int:
    """End the attempts of workers whose lease ran out: queue the scans again, or let them fail."""
    taken = 0
    for scan_id, worker in Scan.objects.expired().values_list("pk", "worker"):
        if Scan.objects.expired().give_up(
            scan_id,
            worker,
            max_attempts=settings.MAX_ATTEMPTS,
            code="worker_lost",
            detail=f"{worker} was not heard of for {settings.LEASE_SECONDS:g} s",
        ):
            taken += 1
            scan = Scan.objects.only("status", "queue").filter(pk=scan_id).first()
            status = scan.status if scan else "deleted"
            logger.warning("Scan %s: its worker %s is lost; it is %s now", scan_id, worker, status)
            if scan and status == Scan.Status.QUEUED:
                enqueue(scan_id=scan_id, queue=scan.queue)
    return taken


def send_again() -> int:
    """Send the waiting scans to the broker whose messages were lost.

    While there are as many messages as waiting scans, none was lost. Sending one too often does no harm: only
    one worker can claim a scan.
    """
    return sum(_send_again(queue) for queue in SENT)


def _send_again(queue: str) -> int:
    ready = timezone.now() - timedelta(seconds=FRESH_SECONDS)
    waiting = Scan.objects.waiting(queue).filter(created_at__lt=ready)
    number = waiting.count()
    if not number or _messages(queue) >= number:
        return 0
    sent = 0
    for scan_id in waiting.values_list("pk", flat=True).iterator():  # there may be very many
        if not enqueue(scan_id=scan_id, queue=queue):
            break  # the broker is away: the others would not come through either
        sent += 1
    return sent


def _messages(queue: str) -> int:
    """How many messages wait in a queue of the broker; 0 if it cannot tell."""
    try:
        with app.connection_for_read() as connection, connection.channel() as channel:
            declared: Any = app.amqp.queues[queue](channel).queue_declare(passive=True)
            return int(declared.message_count)
    except Exception:  # each broker has its own exceptions; a missing queue is an empty one
        return 0
