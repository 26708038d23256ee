"""Retention: media are kept for so many days, findings for so many, and what was reviewed for good."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml_app.errors import ServiceError
from ml_app.models import Video
from ml_app.services.videos import delete_video, purge_media

logger = logging.getLogger(__name__)


def prune_media(*, days: float | None = None, at_most: int | None = None) -> int:
    """Delete the media of videos that were uploaded longer ago than `days`, by default MEDIA_RETENTION_DAYS.

    A video that waits or is being analysed is left for the next time. 0 keeps everything.

    Args:
        at_most: End after so many videos; by default, when none is left.

    Returns:
        How many videos lost their media.
    """
    before = _days_ago(settings.MEDIA_RETENTION_DAYS if days is None else days)
    if before is None:
        return 0
    pruned = 0
    for video in Video.objects.with_media_before(before)[:at_most]:
        try:
            files = purge_media(video=video)
        except (ServiceError, Video.DoesNotExist):  # scanned again or deleted by its owner just now
            continue
        logger.info("Video %s, uploaded %s: %d files deleted", video.pk, video.uploaded_at, files)
        pruned += 1
    return pruned


def prune_findings(*, days: float | None = None, at_most: int | None = None) -> int:
    """Delete videos with all their scans, findings and files, by default after FINDINGS_RETENTION_DAYS.

    The days count from the last thing that was done with a video: the upload or the order of a scan. A video
    with a scan that waits, runs, or was reviewed by somebody is left alone. 0 keeps everything.

    Args:
        at_most: End after so many videos; by default, when none is left.

    Returns:
        How many videos were deleted.
    """
    before = _days_ago(settings.FINDINGS_RETENTION_DAYS if days is None else days)
    if before is None:
        return 0
    pruned = 0
    for key in Video.objects.forgotten_since(before).values_list("pk", flat=True)[:at_most]:
        with transaction.atomic():
            # The lock that request_scan takes: nobody orders a scan between the question and the deletion.
            video = Video.objects.forgotten_since(before).select_for_update().filter(pk=key).first()
            if video is None:
                continue
            delete_video(video=video)
        logger.info("Video %s and its findings deleted, of %s", key, video.uploaded_at)
        pruned += 1
    return pruned


def _days_ago(days: float) -> datetime | None:
    return timezone.now() - timedelta(days=days) if days > 0 else None
