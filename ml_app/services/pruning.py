"""Retention: media are kept for so many days, findings for so many, and what was reviewed for good."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ml_app.errors import ServiceError
from ml_app.models import Team, Video, VideoQuerySet
from ml_app.services.intake.videos import delete_video, purge_media

logger = logging.getLogger(__name__)


def prune_media(*, days: float | None = None, at_most: int | None = None) -> int:
    """Delete the media of videos that were uploaded longer ago than `days`.

    By default that is what the team of a video says, and MEDIA_RETENTION_DAYS for all that has no team or one
    that says nothing. A video that waits or is being analysed is left for the next time. 0 keeps everything.

    Args:
        at_most: End after so many videos; by default, when none is left.

    Returns:
        How many videos lost their media.
    """
    pruned = 0
    old = _old(Video.objects.with_media_before, "media_retention_days", settings.MEDIA_RETENTION_DAYS, days)
    for video in islice((video for videos, _before in old for video in videos), at_most):
        try:
            files = purge_media(video=video)
        except (ServiceError, Video.DoesNotExist):  # scanned again or deleted by its owner just now
            continue
        logger.info("Video %s, uploaded %s: %d files deleted", video.pk, video.uploaded_at, files)
        pruned += 1
    return pruned


def prune_findings(*, days: float | None = None, at_most: int | None = None) -> int:
    """Delete videos with all their scans, findings and files after so many days.

    By default those of the video's team, or FINDINGS_RETENTION_DAYS as `prune_media` has it. They count from
    the last thing that was done with a video: the upload or the order of a scan. A video with a scan that
    waits, runs, or was reviewed by somebody is left alone. 0 keeps everything.

    Args:
        at_most: End after so many videos; by default, when none is left.

    Returns:
        How many videos were deleted.
    """
    usual = settings.FINDINGS_RETENTION_DAYS
    old = _old(Video.objects.forgotten_since, "findings_retention_days", usual, days)
    keys = ((key, before) for videos, before in old for key in videos.values_list("pk", flat=True))
    pruned = 0
    for key, before in islice(keys, at_most):
        with transaction.atomic():
            # The lock that request_scan takes: nobody orders a scan between the question and the deletion.
            video = Video.objects.forgotten_since(before).select_for_update().filter(pk=key).first()
            if video is None:
                continue
            delete_video(video=video)
        logger.info("Video %s and its findings deleted, of %s", key, video.uploaded_at)
        pruned += 1
    return pruned


def _old(
    find: Callable[[datetime], VideoQuerySet], column: str, usual: float, days: float | None
) -> Iterator[tuple[VideoQuerySet, datetime]]:
    """The videos that are due, by how long they are kept, and since when they are.

    Args:
        find: Finds those that are older than a moment.
        column: Of a team, that says something else than `usual`.
        days: For all alike, whatever teams say.
    """
    if days is not None:
        kept: list[tuple[Q, float]] = [(Q(), days)]
    else:
        teams = Team.objects.exclude(**{column: None}).values_list("pk", column)
        kept = [(Q(**{f"team__{column}": None}), usual), *((Q(team=team), own) for team, own in teams)]
    for whose, number in kept:
        before = _days_ago(number)
        if before is not None:
            yield find(before).filter(whose), before


def _days_ago(days: float) -> datetime | None:
    return timezone.now() - timedelta(days=days) if days > 0 else None
