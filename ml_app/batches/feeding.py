"""Giving the files of batches to the workers, a few ahead, so that a batch can be paused and is never lost.

A worker calls `feed` again and again. What it was doing when it died is done again: the same bytes are the
same video, and a scan that waits already is found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from ml_app import services
from ml_app.batches import archive
from ml_app.errors import ServiceError, refuse
from ml_app.models import Batch, BatchItem, Scan, Video
from ml_app.services.intake.links import order_link
from ml_app.storage import media_files
from ml_app.storage.uploads import IncomingFile, max_upload_bytes

logger = logging.getLogger(__name__)
AHEAD = 8  # scans of a batch that wait or run at a time
LEASE = timedelta(minutes=2)  # renewed with each file
_LATER = ("queue_full", "detector_unavailable", "disk_full")  # the fault of nobody's file


def feed(*, stopping: Callable[[], bool] = lambda: False) -> int:
    """Order some scans of each batch that has room for them. Returns how many files were dealt with.

    Args:
        stopping: Asked before each file.
    """
    return sum(_feed(batch, stopping) for batch in Batch.objects.hungry()[:20])


def _feed(batch: Batch, stopping: Callable[[], bool]) -> int:
    active = batch.items.filter(scan__status__in=Scan.ACTIVE).count()
    room = AHEAD - active
    if room <= 0 or not Batch.objects.claim(batch.pk, lease=LEASE):
        return 0
    dealt = 0
    try:
        for item in batch.items.pending().select_related("video").order_by("number")[:room]:
            if stopping() or not _still_wanted(batch) or not _deal_with(batch, item):
                break
            dealt += 1
    finally:
        Batch.objects.filter(pk=batch.pk).update(fed_until=None)
    if not batch.items.pending().exists():
        drop_archive(batch)
    return dealt


def _still_wanted(batch: Batch) -> bool:
    going_on = Batch.objects.filter(pk=batch.pk, is_paused=False, cancelled_at=None)
    return bool(going_on.update(fed_until=timezone.now() + LEASE))


def _deal_with(batch: Batch, item: BatchItem) -> bool:
    """False: it has to wait."""
    try:
        scan = _scan_of(batch, item)
    except ServiceError as error:
        if error.code in _LATER:
            logger.info("Batch %s waits: %s", batch.pk, error.code)
            return False
        BatchItem.objects.filter(pk=item.pk, ordered_at=None).update(error_code=error.code)
        return True
    changed = BatchItem.objects.filter(pk=item.pk, ordered_at=None).update(
        scan=scan, video=None if scan.video.is_awaited else scan.video, ordered_at=timezone.now()
    )
    if not changed:  # the batch was deleted meanwhile
        services.cancel_scan(scan=scan)
    return True


def _scan_of(batch: Batch, item: BatchItem) -> Scan:
    if item.url:
        return order_link(
            url=item.url,
            owner=batch.owner,
            team=batch.team,
            user=batch.ordered_by,
            frame_count=batch.frame_count,
            detector_name=batch.detector_name,
            others=batch.also.split(","),
            queue=Scan.Queue.BATCH_LINK,
        )
    video = item.video or _unpacked(batch, item)
    frames = video.frames_of(batch.frame_count)
    same = video.scans.filter(detector_name=batch.detector_name, also=batch.also, frame_count=frames)
    done = same.filter(status=Scan.Status.DONE).first()
    if done is not None:
        return done
    services.refuse_if_full(queue=Scan.Queue.BATCH)
    return services.request_scan(
        video=video,
        frame_count=batch.frame_count,
        detector_name=batch.detector_name,
        others=batch.also.split(","),
        queue=Scan.Queue.BATCH,
    )[0]


def _unpacked(batch: Batch, item: BatchItem) -> Video:
    if item.member is None or not batch.archive:
        raise refuse("media_purged")
    incoming = IncomingFile(item.name.rpartition("/")[2])
    try:
        with media_files.local_copy(batch.archive) as path:
            for data in archive.read_member(path, item.member, at_most=max_upload_bytes()):
                incoming.append(data)
        incoming.finish()
    except FileNotFoundError as error:
        incoming.close()
        raise refuse("media_purged") from error
    except BaseException:
        incoming.close()
        raise
    return services.receive_video(upload=incoming, owner=batch.owner, user=batch.ordered_by, team=batch.team)[
        0
    ]


def drop_archive(batch: Batch) -> None:
    """Delete the archive of a batch, once nothing of it is waited for."""
    if batch.archive:
        media_files.delete([batch.archive])
        Batch.objects.filter(pk=batch.pk).update(archive="")
