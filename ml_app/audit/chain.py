"""The chain: each entry holds the hash of the one before, and is appended by one process at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from ml_app.models.audit_entry import HEX_DIGITS, AuditEntry

GENESIS = "0" * HEX_DIGITS  # before the first entry
TRIGGERS = frozenset(
    {"auditentry_no_update", "auditentry_no_delete", "auditentry_next_number", "auditentry_no_truncate"}
)
_FORMAT = 1  # of what is hashed; goes into the hash
_LOCK = 0x61756469742E6C67  # PostgreSQL's advisory lock of the chain: "audit.lg"
_HASHED = (
    "number",
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
)


def append(entries: Sequence[AuditEntry]) -> None:
    """Give entries their numbers and hashes, and write them at the chain's end.

    Whoever appends holds a lock until the transaction ends: append last in a transaction.

    Raises:
        DatabaseError: Nothing was written, and the transaction around it cannot be committed.
    """
    with transaction.atomic(savepoint=False):
        _wait_for_the_others()
        last = AuditEntry.objects.order_by("-number").values_list("number", "hash").first()
        number, previous = last or (0, GENESIS)
        for entry in entries:
            entry.number, entry.previous_hash = number + 1, previous
            entry.hash = digest(entry)
            number, previous = entry.number, entry.hash
        AuditEntry.objects.bulk_create(entries)


def _wait_for_the_others() -> None:
    # SQLite needs nothing: its transactions begin as IMMEDIATE, so there is one writer from the start.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def digest(entry: AuditEntry) -> str:
    """SHA-256, in hexadecimal digits, of an entry's canonical JSON: all of it but the hash itself."""
    told: dict[str, Any] = {name: getattr(entry, name) for name in _HASHED}
    told |= {"format": _FORMAT, "at": moment(entry.at)}
    return hashlib.sha256(canonical(told).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with one way to write it: sorted names, no spaces, no escapes that are not needed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def moment(at: datetime) -> str:
    """A time as it is hashed and exported: UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain breaks, first."""

    number: int  # of the entry
    code: str  # "missing", "changed", "does_not_follow" or "other_head"
    words: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a chain is like."""

    entries: int  # how many were right, from the first on
    head: str  # the hash of the last that was
    broken: Break | None = None
    unprotected: tuple[str, ...] = ()  # triggers that the database should have


def verify(*, noted: tuple[int, str] | None = None) -> Checked:
    """Go along the chain to its end, or to where it first breaks.

    Args:
        noted: Number and hash of an entry that were once written down elsewhere. Without such a note, a chain
            whose last entries were cut off, or that was made anew as a whole, looks like any other.
    """
    rows = AuditEntry.objects.order_by("number").iterator(chunk_size=2000)
    number, head, broken = _along(rows, noted)
    if broken is None and noted is not None and noted[0] > number:
        broken = Break(noted[0], "missing", f"the noted entry {noted[0]} is not there: the end was cut off")
    return Checked(number, head, broken, tuple(sorted(_missing_triggers())))


def _along(rows: Iterable[AuditEntry], noted: tuple[int, str] | None) -> tuple[int, str, Break | None]:
    number, head = 0, GENESIS
    for entry in rows:
        broken = _break_at(entry, number + 1, head, noted)
        if broken is not None:
            return number, head, broken
        number, head = entry.number, entry.hash
    return number, head, None


def _break_at(entry: AuditEntry, number: int, head: str, noted: tuple[int, str] | None) -> Break | None:
    if entry.number != number:
        return Break(number, "missing", f"entry {number} is missing; the next is {entry.number}")
    if entry.previous_hash != head:
        words = f"entry {number} does not follow the one before it: one was removed, changed or moved"
        return Break(number, "does_not_follow", words)
    if entry.hash != digest(entry):
        return Break(number, "changed", f"entry {number} was changed: its hash is of something else")
    if noted is not None and noted[0] == number and noted[1] != entry.hash:
        words = f"entry {number} is not the noted one: the chain was made anew up to there"
        return Break(number, "other_head", words)
    return None


def _missing_triggers() -> Iterator[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        found = {str(name) for (name,) in cursor.fetchall()}
    wanted = TRIGGERS if connection.vendor == "postgresql" else TRIGGERS - {"auditentry_no_truncate"}
    yield from wanted - found
