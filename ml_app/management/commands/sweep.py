"""`manage.py sweep`: put right what a kill left behind."""

from __future__ import annotations

import logging
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from deepfake_site.pulse import show_life
from ml_app.audit.site_settings import record_site_settings
from ml_app.jobs.sweeper import sweep

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Queue the scans of lost workers again, send lost messages again, delete orphans, prune old media."""

    requires_system_checks = []  # the web server's, which start at the same time, are enough
    help = (__doc__ or "") + " Without --once it goes on until it is stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument(
            "--every",
            type=float,
            default=max(1.0, settings.LEASE_SECONDS / 3),
            metavar="SECONDS",
            help="pause between two rounds (default: %(default)g)",
        )

        parser.add_argument(
            "--files-every",
            type=float,
            default=600.0,
            metavar="SECONDS",
            help="pause between two looks at all media files (default: %(default)g)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            swept = sweep()
            self.stdout.write(
                f"{swept.expired} scans taken from lost workers, {swept.sent} sent again, "
                f"{swept.files} files deleted, {swept.pruned} old videos pruned, "
                f"{swept.forgotten} deleted with their findings."
            )
            return
        _record_settings()
        look_at = time.monotonic()
        while True:
            all_files = time.monotonic() >= look_at
            if all_files:
                look_at = time.monotonic() + options["files_every"]
            _round(all_files=all_files)
            time.sleep(options["every"])


def _record_settings() -> None:
    """Each deployment has one sweeper, so its start is where the log hears of settings that changed."""
    try:
        record_site_settings()
    except Exception:
        logger.exception("The site's settings were not recorded")
    finally:
        close_old_connections()


def _round(*, all_files: bool) -> None:
    show_life("sweeper")
    try:
        sweep(all_files=all_files)
    except Exception:
        logger.exception("This round failed; the next one is tried in a moment")
    finally:
        close_old_connections()
