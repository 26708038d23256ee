"""Links: a scan whose video is fetched first. The row is a scan from the beginning, in a queue of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action
from ml_app.errors import refuse
from ml_app.fetching.fetch import Fetched, FetchLimits
from ml_app.models import FETCHED, Origin, Scan, Team, Video
from ml_app.services.detectors import asked_as_well, detector_state
from ml_app.services.intake.videos import receive_video
from ml_app.services.notifications.outbound import check_url
from ml_app.services.scanning.origins import what_was_found
from ml_app.services.scanning.queueing import queue_for, refuse_if_full
from ml_app.services.scanning.scans import enqueue
from ml_app.storage.uploads import IncomingFile, max_upload_bytes

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


def fetch_limits() -> FetchLimits:
    """What a link may cost here."""
    return FetchLimits(max_bytes=max_upload_bytes(), seconds=settings.LINK_MAX_MINUTES * 60.0)


def order_link(
    *,
    url: str,
    owner: str,
    user: User | None,
    frame_count: int,
    detector_name: str | None = None,
    others: Sequence[str] = (),
    queue: str = Scan.Queue.LINK,
    team: Team | None = None,
) -> Scan:
    """Order a scan of what a link leads to, or find the one that already waits for the same link.

    Args:
        others: As of `request_scan`.
        queue: `LINK`, or `BATCH_LINK` for one of many.
        team: To whom the scan is given; by default it stays the owner's alone.

    Raises:
        ServiceError: "links_not_enabled", "bad_url", "bad_frame_count", "detector_unavailable", "queue_full".
    """
    url, name = url.strip(), detector_name or settings.DETECTOR
    if not settings.LINKS:
        raise refuse("links_not_enabled")
    check_url(url)
    if frame_count not in settings.FRAME_COUNTS:
        raise refuse("bad_frame_count")
    if not detector_state(name=name).available:
        raise refuse("detector_unavailable")
    also = asked_as_well(name=name, others=others)
    same = Scan.objects.active().filter(
        owner=owner,
        team=team,
        queue__in=FETCHED,
        detector_name=name,
        also=also,
        frame_count=frame_count,
        video__origins__url=url,
    )
    known = same.first()
    if known is not None:
        return known
    refuse_if_full(queue=queue)
    with transaction.atomic():
        video = Video.objects.create(
            owner=owner, team=team, uploaded_by=user, original_name=url[:255], size=0
        )
        Origin.objects.create(video=video, url=url)
        scan = Scan.objects.create(
            video=video,
            owner=owner,
            team=team,
            queue=queue,
            detector_name=name,
            also=also,
            frame_count=frame_count,
        )
        told: dict[str, Any] = {"also": also} if also else {}
        audit.record(Action.ORDERED, scan, detector=name, frames=frame_count, **told)
        return scan


def keep_fetched(*, scan: Scan, worker: str, origin: Origin, incoming: IncomingFile, found: Fetched) -> bool:
    """The file of a link has come: it becomes a video like an upload, and the scan waits for its analysis.

    Returns:
        False if the scan is no longer this worker's. The video stays, as an upload would.

    Raises:
        ServiceError: The file cannot be analysed, or "already_running".
    """
    awaited = scan.video
    incoming.name = found.name or "video"
    video, _new = receive_video(upload=incoming, owner=scan.owner, user=awaited.uploaded_by, team=scan.team)
    try:
        with transaction.atomic():
            one_of_many = scan.queue == Scan.Queue.BATCH_LINK
            queue = Scan.Queue.BATCH if one_of_many else queue_for(owner=scan.owner)
            if not Scan.objects.hand_over(scan.pk, worker, video=video, queue=queue):
                return False
            Origin.objects.filter(pk=origin.pk).update(
                video=video,
                fetched_at=timezone.now(),
                **what_was_found(found),
            )
            Scan.objects.filter(video=awaited).update(video=video)  # those that failed to fetch it before
            awaited.delete()
            transaction.on_commit(partial(enqueue, scan_id=scan.pk, queue=queue))
    except IntegrityError as error:
        raise refuse("already_running") from error
    logger.info("Fetched, %d bytes, as video %s", video.size, video.pk)
    return True
