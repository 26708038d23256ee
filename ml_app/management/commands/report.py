"""`manage.py report`: the sealed report of a finished scan or batch."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from ml_app.errors import ServiceError
from ml_app.models import Batch, Scan
from ml_app.reports.batch_report import batch_page, batch_report_of
from ml_app.reports.document import pdf_of
from ml_app.reports.pages import scan_page
from ml_app.reports.scan_report import report_of


class Command(BaseCommand):
    """Writes a report."""

    help = (
        "Write the sealed report of a finished scan, or of a batch, as JSON, as PDF or as both of the same "
        "moment. `verify_report` checks either, here or elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "scan",
            metavar="SCAN_ID",
            help="the number in the address of the page of the scan, or of the batch",
        )
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="where to; standard output unless --pdf is given"
        )
        parser.add_argument(
            "--pdf", type=Path, metavar="FILE", help="where the PDF goes, with the JSON inside"
        )
        parser.add_argument(
            "--language",
            choices=[code for code, _name in settings.LANGUAGES],
            default="en",
            help="of the PDF (default: %(default)s); the JSON is the same in all",
        )

    def handle(
        self, *args: Any, scan: str, json: Path | None, pdf: Path | None, language: str, **options: Any
    ) -> None:
        """One report."""
        try:
            row = _row(scan)
            with translation.override(language):
                content = report_of(row) if isinstance(row, Scan) else batch_report_of(row)
                if pdf is not None:
                    page = scan_page(row, content) if isinstance(row, Scan) else batch_page(row, content)
                    self._write(pdf, pdf_of(page, content))
        except ServiceError as error:
            raise CommandError(str(error.message)) from error
        if json is not None:
            self._write(json, content)
        elif pdf is None:
            self.stdout.write(content.decode(), ending="")

    def _write(self, file: Path, content: bytes) -> None:
        try:
            file.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{file}: {len(content):,} bytes")


def _row(number: str) -> Scan | Batch:
    try:
        key = UUID(number)
    except ValueError as error:
        raise CommandError(f"There is no scan or batch {number!r} here.") from error
    found: Scan | Batch | None = Scan.objects.select_related("video").filter(pk=key).first()
    found = found or Batch.objects.filter(pk=key).first()
    if found is None:
        raise CommandError(f"There is no scan or batch {number!r} here.")
    return found
