"""A visitor who logs in takes the scans of this browser along."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from ml_app import audit
from ml_app.audit import Action
from ml_app.audit.who import who_is
from ml_app.errors import ServiceError
from ml_app.models import Batch, Scan, Video
from ml_app.services.intake.videos import delete_video
from ml_app.services.scanning.scans import cancel_scan, request_scan

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


def claim_videos(*, visitor: str, user: User) -> int:
    """Give the videos of a visitor, with their scans, to an account. Returns how many there were.

    They are moved, not shared: logging out ends the visitor's session for good, so what stayed with the
    visitor could never be seen again, and what belonged to both would lie open to whoever holds either.

    Args:
        visitor: The owner "visitor:<token>".
        user: Whose they will be.
    """
    owner = f"user:{user.pk}"
    videos = list(Video.objects.filter(owner=visitor))
    for video in videos:
        with audit.gathered():
            _claim(video, owner, user)
    Batch.objects.filter(owner=visitor).update(owner=owner, ordered_by=user)
    if videos:
        audit.record(Action.CLAIMED, user, who=who_is(user), videos=len(videos))
        logger.info("%s took over %d videos of this browser", owner, len(videos))
    return len(videos)


def _claim(video: Video, owner: str, user: User) -> None:
    same = Video.objects.select_for_update().filter(owner=owner, team=None, sha256=video.sha256)
    known = None if video.is_awaited else same.first()
    if known is not None:  # the account has the same bytes: one of the two rows takes all scans
        keeps, goes = (known, video) if known.file or not video.file else (video, known)
        unfinished = _move_scans(goes, keeps)
        delete_video(video=goes)
        for frame_count in unfinished:  # are ordered anew, from the file that stays
            with contextlib.suppress(ServiceError):
                request_scan(video=keeps, frame_count=frame_count)
        video = keeps
    Video.objects.filter(pk=video.pk).update(owner=owner, uploaded_by=user)
    Scan.objects.filter(video=video).update(owner=owner)


def _move_scans(goes: Video, keeps: Video) -> list[int]:
    """Give the scans that have ended to the other row. Returns the frame counts of those that had not."""
    active = list(Scan.objects.active().filter(video=goes))
    for scan in active:
        cancel_scan(scan=scan)  # its worker reads a file that is about to go
    Scan.objects.filter(video=goes, status__in=Scan.TERMINAL).update(video=keeps)
    return [scan.frame_count for scan in active]
