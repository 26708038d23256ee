"""What people do with a batch: pause, go on, cancel, run the failed ones again, delete it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from ml_app import audit, services
from ml_app.audit import Action
from ml_app.batches.feeding import drop_archive
from ml_app.models import Batch, BatchItem, ItemState, Scan

AGAIN = (ItemState.FAILED, ItemState.CANCELLED)
OURS = (Scan.Queue.BATCH, Scan.Queue.BATCH_LINK)  # a scan in another queue was ordered by itself as well


def pause(*, batch: Batch) -> None:
    """Begin nothing more. What runs goes on; what only waits is taken back. Refreshes `batch`."""
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(is_paused=True)
        audit.record(Action.PAUSED, batch)
    for item in batch.items.filter(scan__status=Scan.Status.QUEUED, scan__queue__in=OURS):
        _take_back(item)
    batch.refresh_from_db()


def _take_back(item: BatchItem) -> None:
    if item.scan_id is None:
        return
    with transaction.atomic():
        scan = Scan.objects.select_for_update().filter(pk=item.scan_id, status=Scan.Status.QUEUED).first()
        others = BatchItem.objects.filter(scan_id=item.scan_id).exclude(pk=item.pk)
        if scan is None or others.exists():
            return
        awaited = scan.video if scan.video.is_awaited else None
        video = None if awaited else scan.video
        BatchItem.objects.filter(pk=item.pk).update(ordered_at=None, scan=None, video=video)
        scan.delete()
        if awaited is not None and not awaited.scans.exists():
            awaited.delete()


def resume(*, batch: Batch) -> None:
    """Go on. Refreshes `batch`."""
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(is_paused=False)
        audit.record(Action.RESUMED, batch)
    batch.refresh_from_db()


def cancel(*, batch: Batch) -> None:
    """Stop everything that has not ended. Refreshes `batch`."""
    with transaction.atomic():
        not_yet = Batch.objects.filter(pk=batch.pk, cancelled_at=None)
        if not_yet.update(cancelled_at=timezone.now(), is_paused=False):
            audit.record(Action.CANCELLED, batch)
    active = batch.items.filter(scan__status__in=Scan.ACTIVE, scan__queue__in=OURS)
    for item in active.select_related("scan"):
        if item.scan is not None:
            services.cancel_scan(scan=item.scan)
    batch.refresh_from_db()


def rerun_failed(*, batch: Batch) -> int:
    """Order those anew that have failed or were cancelled. Refreshes `batch`. Returns how many."""
    Batch.objects.filter(pk=batch.pk).update(cancelled_at=None, is_paused=False)
    batch.refresh_from_db()
    known: Any = BatchItem.objects.filter(batch=batch, scan__isnull=False).with_state()
    found = known.filter(standing__in=AGAIN)
    with transaction.atomic():
        number = BatchItem.objects.filter(pk__in=found.values("pk")).update(ordered_at=None, scan=None)
        audit.record(Action.RERUN, batch, files=number)
    return number


def delete(*, batch: Batch) -> None:
    """Delete a batch. Its scans stay among their owner's; those that have not ended are cancelled."""
    cancel(batch=batch)
    drop_archive(batch)
    subject = audit.subject_of(batch)
    with transaction.atomic():
        batch.delete()
        audit.record(Action.DELETED, subject)
