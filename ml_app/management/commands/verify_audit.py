"""`manage.py verify_audit`: is the audit log whole, and if not, where does it break?"""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml_app.audit import chain

_NOTE = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def _note(text: str) -> tuple[int, str]:
    match = _NOTE.fullmatch(text.strip())
    if match is None:
        raise ArgumentTypeError("a note is NUMBER:HASH, as this command prints it")
    return int(match[1]), match[2]


class Command(BaseCommand):
    """Goes along the chain of hashes."""

    help = (
        "Check the audit log: that no entry was changed, removed or moved, and that the database refuses to. "
        "Exits 0 if so, else 1, and says at which entry the chain first breaks. Prints the last entry as "
        "NUMBER:HASH: note it somewhere else, and give it to --noted later. Without such a note, nobody can "
        "see that the last entries were cut off, or that somebody with the database made all of them anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--noted", type=_note, metavar="NUMBER:HASH", help="an entry that must be there as it was"
        )

    def handle(self, *args: Any, noted: tuple[int, str] | None, **options: Any) -> None:
        """Check, and tell."""
        found = chain.verify(noted=noted)
        if found.broken is not None:
            raise CommandError(
                f"The audit log is broken: {found.broken.words}. The {found.entries} entries before are "
                f"whole; the last of them: {found.entries}:{found.head}"
            )
        if found.unprotected:
            raise CommandError(
                f"The {found.entries} entries are whole, but the database does not protect them: the "
                f"triggers {', '.join(found.unprotected)} are gone. Find out who may change tables here; "
                "the migration that adds the audit log has their text."
            )
        self.stdout.write(f"The audit log is whole: {found.entries} entries. Note the last one elsewhere:")
        self.stdout.write(f"{found.entries}:{found.head}")
