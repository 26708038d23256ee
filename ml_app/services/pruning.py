"""Retention: media are kept for so many days, rows and hashes for good."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from ml_app.messages import ServiceError
from ml_app.models import Video
from ml_app.services.videos import purge_media

logger = logging.getLogger(__name__)


def prune_media(*, days: float | None = None) -> int:
    """Delete the media of videos that were uploaded longer ago than `days`, by default MEDIA_RETENTION_DAYS.

    A video that waits or is being analysed is left for the next time. 0 keeps everything.

    Returns:
        How many videos lost their media.
    """
    days = settings.MEDIA_RETENTION_DAYS if days is None else days
    if days <= 0:
        return 0
    pruned = 0
    old = Video.objects.exclude(file="").filter(uploaded_at__lt=timezone.now() - timedelta(days=days))
    for video in old.order_by("uploaded_at"):
        try:
            files = purge_media(video=video)
        except (ServiceError, Video.DoesNotExist):  # being analysed, or deleted by its owner just now
            continue
        logger.info("Video %s: %d files deleted after %g days", video.pk, files, days)
        pruned += 1
    return pruned
