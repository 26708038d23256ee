"""`manage.py prune_media`: delete old media, keep what was found out."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml_app import services


class Command(BaseCommand):
    """Delete media that are older than MEDIA_RETENTION_DAYS."""

    help = (
        "Delete the videos and pictures of uploads older than MEDIA_RETENTION_DAYS (or --days). Findings, "
        "hashes and reviews stay; videos that are being analysed are left alone. The sweeper does the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--days",
            type=float,
            default=settings.MEDIA_RETENTION_DAYS,
            help="keep the media of so many days (default: MEDIA_RETENTION_DAYS, now %(default)g)",
        )

    def handle(self, *args: Any, days: float, **options: Any) -> None:
        """Prune, and tell how much."""
        if days < 0 or days != days:  # noqa: PLR0124 - not a number
            raise CommandError("--days must be 0 or more; 0 keeps everything.")
        if days == 0:
            self.stdout.write("Everything is kept: MEDIA_RETENTION_DAYS is 0. Set it, or give --days.")
            return
        count = services.prune_media(days=days)
        self.stdout.write(f"Deleted the media of {count} video{'' if count == 1 else 's'}.")
