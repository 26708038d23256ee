"""`manage.py report`: the sealed report of a finished scan."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from ml_app.errors import ServiceError
from ml_app.models import Scan
from ml_app.reports.scan_report import report_of


class Command(BaseCommand):
    """Writes a report."""

    help = "Write the sealed report of a finished scan as JSON. `verify_report` checks it, here or elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("scan", metavar="SCAN_ID", help="the number in the address of the scan's page")
        parser.add_argument("--json", type=Path, metavar="FILE", help="where to; standard output by default")

    def handle(self, *args: Any, scan: str, json: Path | None, **options: Any) -> None:
        """One report."""
        try:
            row = Scan.objects.select_related("video").get(pk=UUID(scan))
            content = report_of(row)
        except (ValueError, Scan.DoesNotExist) as error:
            raise CommandError(f"There is no scan {scan!r} here.") from error
        except ServiceError as error:
            raise CommandError(str(error.message)) from error
        if json is None:
            self.stdout.write(content.decode(), ending="")
            return
        try:
            json.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{json} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{json}: {len(content):,} bytes")
