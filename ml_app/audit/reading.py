"""Who may read the log, and the log as a table for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ml_app.audit.chain import canonical, moment
from ml_app.models.audit_entry import AuditEntry

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

COLUMNS = (
    "number",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "action",
    "object_kind",
    "object_id",
    "object_label",
    "address",
    "request_id",
    "details",
    "previous_hash",
    "hash",
)


def may_read(user: User | AnonymousUser | None) -> bool:
    """Whether somebody may read what everybody did: staff with the permission to view entries."""
    return bool(user and user.is_active and user.is_staff and user.has_perm("ml_app.view_auditentry"))


class _Echo:
    """A file for the CSV writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """A header and a line for each entry, in CSV (RFC 4180), to be streamed.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        told = {name: getattr(entry, name) for name in COLUMNS}
        told |= {"at": moment(entry.at), "details": canonical(entry.details)}
        yield writer.writerow([_harmless(told[name]) for name in COLUMNS])


def _harmless(value: object) -> object:
    text = value if isinstance(value, str) else ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else value
