"""Ordering and cancelling scans."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from deepfake_site.celery import app
from deepfake_site.logs import about_scan, request_id
from ml_app import audit
from ml_app.audit import Action
from ml_app.errors import refuse
from ml_app.models import FETCHED, Scan, Video
from ml_app.services.detectors import asked_as_well, detector_state
from ml_app.services.scanning.queueing import queue_for

logger = logging.getLogger(__name__)
# Where a scan waits for its video before it waits in one of these
FETCHED_FOR = {
    Scan.Queue.INTERACTIVE.value: Scan.Queue.LINK.value,
    Scan.Queue.BATCH.value: Scan.Queue.BATCH_LINK.value,
}
ANALYSE = "ml_app.jobs.tasks.analyse_scan"  # by name: tasks call services, not the other way round


def request_scan(
    *,
    video: Video,
    frame_count: int,
    detector_name: str | None = None,
    others: Sequence[str] = (),
    queue: str | None = None,
    owner: str = "",
) -> tuple[Scan, bool]:
    """Order a scan, or find the one that already waits or runs for the same video, detectors and frame count.

    Args:
        others: Names of detectors that are asked as well, of the same people.
        frame_count: Of `FRAME_COUNTS`; of a picture one is looked at, whatever it is.
        queue: Of `Scan.Queue`; by default what `queue_for` says of the owner.
        owner: Whose the scan is; by default the video's owner's.

    Returns:
        The scan, and whether it is new. It is sent to the workers once the transaction has been committed.

    Raises:
        ServiceError: "bad_frame_count", "media_purged", "detector_unavailable", or as `asked_as_well` does.
    """
    name = detector_name or settings.DETECTOR
    if not video.is_picture and frame_count not in settings.FRAME_COUNTS:
        raise refuse("bad_frame_count")
    if not detector_state(name=name).available:
        raise refuse("detector_unavailable")
    frames = video.frames_of(frame_count)
    also = asked_as_well(name=name, others=others)
    same = {"video": video, "detector_name": name, "also": also, "frame_count": frames}
    while True:  # again only if the other's scan ended between the two statements
        try:
            with transaction.atomic():
                locked = Video.objects.select_for_update().filter(pk=video.pk).first()
                if locked is None or not (
                    locked.file or locked.is_awaited
                ):  # as it is now: purge_media takes the same lock
                    raise refuse("media_purged")
                chosen = queue or queue_for(owner=owner or video.owner)
                chosen = FETCHED_FOR.get(chosen, chosen) if locked.is_awaited else chosen
                scan = Scan.objects.create(
                    owner=owner or locked.owner, team_id=locked.team_id, queue=chosen, **same
                )
                transaction.on_commit(partial(_announce, scan))
                told: dict[str, Any] = {"also": also} if also else {}
                audit.record(Action.ORDERED, scan, detector=name, frames=frames, **told)
                return scan, True
        except IntegrityError:
            active = Scan.objects.active().filter(**same).first()
            if active is not None:
                return active, False


def _announce(scan: Scan) -> None:
    with about_scan(str(scan.pk)):
        logger.info("Ordered at %d frames, in the queue %s", scan.frame_count, scan.queue)
        enqueue(scan_id=scan.pk, queue=scan.queue)


def enqueue(*, scan_id: UUID | str, queue: str) -> bool:
    """Tell the workers of a waiting scan. False: the broker is away, and the sweeper will send it later."""
    if queue in FETCHED:  # workers look for these themselves: see jobs.fetching
        return True
    try:
        app.send_task(
            ANALYSE,
            args=[str(scan_id)],
            queue=queue,
            headers={"request_id": request_id()},
            retry=False,
            ignore_result=True,
        )
    except Exception as error:  # each broker has its own exceptions, and none may lose a scan
        logger.warning(
            "Scan %s waits: the broker cannot be reached (%s: %s)", scan_id, type(error).__name__, error
        )
        return False
    return True


def cancel_scan(*, scan: Scan) -> None:
    """Stop a scan: at once if it waits, soon if it runs, and nothing if it has ended. Refreshes `scan`."""
    with transaction.atomic():
        # One that was claimed between the two statements is running now.
        if Scan.objects.cancel_waiting(scan.pk) or Scan.objects.request_cancel(scan.pk):
            audit.record(Action.CANCELLED, scan)
    scan.refresh_from_db()
