"""`manage.py prune_media`: delete old media, keep what was found out."""

from __future__ import annotations

from ml_app import services
from ml_app.management.prune_command import PruneCommand


class Command(PruneCommand):
    """Delete media that are older than MEDIA_RETENTION_DAYS."""

    help = (
        "Delete the videos and pictures of uploads older than MEDIA_RETENTION_DAYS (or --days). Findings, "
        "hashes and reviews stay; videos that are being analysed are left alone. The sweeper does the same."
    )
    setting = "MEDIA_RETENTION_DAYS"
    what = ("the media of {} video", "the media of {} videos")

    def prune(self, days: float | None) -> int:
        return services.prune_media(days=days)
