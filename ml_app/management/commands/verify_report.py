"""`manage.py verify_report`: whether a report is what was signed, and by whom."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from ml_app.reports import sealing
from ml_app.reports.document import examine
from ml_app.reports.keys import signing_key


class Command(BaseCommand):
    """Checks a report."""

    help = (
        "Tell whether a report, JSON or PDF, is unchanged. Exit status 0 if it is and was signed with this "
        "site's key, or with that of --key; 1 with the reason for any other file. Needs no database."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--key", metavar="BASE64", help="public key of the site that signed; its pages tell"
        )

    def handle(self, *args: Any, file: Path, key: str | None, **options: Any) -> None:
        """One file."""
        try:
            checked = examine(file.read_bytes())
        except OSError as error:
            self._refuse(f"{file} cannot be read: {error.strerror}")
        except sealing.NoReport as error:
            self._refuse(f"{file}: {error}")
        else:
            known = key.strip() if key else sealing.public_text(signing_key())
            if not checked.is_unchanged:
                self._refuse(
                    f"{file} was changed after it was signed, or its signature belongs to another report."
                )
            if checked.public_key != known:
                self._refuse(
                    f"{file} is unchanged, but it was signed with another key: {checked.public_key}. If you "
                    "trust the site whose pages show this key, give it as --key."
                )
            if checked.is_pdf_unchanged is False:
                self._refuse(
                    f"{file}: the report attached to this PDF is unchanged, but the PDF itself is not as it "
                    "was made. Do not rely on its pages; rely on the attached report.json."
                )
            what = "batch" if checked.is_batch else "scan"
            self.stdout.write(
                f"{file} is unchanged: {what} {checked.report[what]['id']}, made "
                f"{checked.report['made_at']}, key "
                f"{sealing.fingerprint(checked.public_key)}."
            )

    def _refuse(self, why: str) -> None:
        self.stderr.write(why)
        sys.exit(1)
