"""What the commands that delete what is old have in common."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml_app.models import Team


class PruneCommand(BaseCommand):
    """Delete what is older than a setting says, or than --days."""

    setting = ""  # its name
    what = ("", "")  # that is deleted, for one video and for several

    def prune(self, days: float | None) -> int:
        """Delete; how many videos it concerned."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--days",
            type=float,
            help=f"keep what is so many days old or younger, whoever's it is (default: what its team says, "
            f"otherwise {self.setting}, now {getattr(settings, self.setting):g})",
        )

    def handle(self, *args: Any, days: float | None, **options: Any) -> None:
        """Prune, and tell how much."""
        if days is not None and (days < 0 or days != days):  # noqa: PLR0124 - not a number
            raise CommandError("--days must be 0 or more; 0 keeps everything.")
        if days == 0 or (days is None and not self._is_anything_kept_for_a_time()):
            self.stdout.write(f"Everything is kept: {self.setting} is 0. Set it, or give --days.")
            return
        count = self.prune(days)
        one, several = self.what
        self.stdout.write(f"Deleted {(one if count == 1 else several).format(count)}.")

    def _is_anything_kept_for_a_time(self) -> bool:
        teams = Team.objects.filter(**{f"{self.setting.lower()}__gt": 0})
        return getattr(settings, self.setting) > 0 or teams.exists()
