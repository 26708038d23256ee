"""Recording a deed, from wherever the verb happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from deepfake_site.logs import request_id
from ml_app.audit import chain
from ml_app.audit.subjects import Subject, subject_of
from ml_app.audit.who import Who, address_now, who_now
from ml_app.models.audit_entry import LONGEST_LABEL, Action, AuditEntry

SEEN_AGAIN = timedelta(hours=1)  # whoever looks again within it is not noted again
_waiting: ContextVar[list[AuditEntry] | None] = ContextVar("entries to append", default=None)


def record(action: Action, subject: Subject | Model, *, who: Who | None = None, **details: Any) -> None:
    """Append an entry, in the transaction that is open: with the deed or not at all.

    The chain's lock is held until that transaction ends, so a transaction that locks other rows records last,
    or within `gathered`.

    Args:
        who: By default whoever sent the request; without one, the program that runs.
        details: What JSON can hold, without fractions, which databases write in different ways.

    Raises:
        DatabaseError: It could not be appended. Let it rise: what is not recorded is not done.
        TypeError: A detail is nothing that can be hashed.
    """
    entry = _entry(action, subject, who or who_now(), details)
    waiting = _waiting.get()
    if waiting is None:
        chain.append([entry])
    else:
        waiting.append(entry)


@contextmanager
def gathered() -> Iterator[None]:
    """A transaction at whose end everything is appended that was recorded in it.

    For verbs that do many things, each with locks of its own: were the chain's lock taken among them, two
    such verbs could wait for each other.
    """
    outer = _waiting.get()
    if outer is not None:
        already = len(outer)
        try:
            with transaction.atomic():
                yield
        except BaseException:
            del outer[already:]  # what was rolled back was not done
            raise
        return
    entries: list[AuditEntry] = []
    with transaction.atomic():
        mark = _waiting.set(entries)
        try:
            yield
        finally:
            _waiting.reset(mark)
        if entries:
            chain.append(entries)


def seen(row: Model) -> None:
    """Whoever asks sees a row. Noted once an hour for each of them; not at all with AUDIT_VIEWS=false."""
    if not settings.AUDIT_VIEWS:
        return
    who, subject = who_now(), subject_of(row)
    before = AuditEntry.objects.filter(
        object_id=subject.id,
        action=Action.SEEN,
        actor_kind=who.kind,
        actor_id=who.id,
        at__gt=timezone.now() - SEEN_AGAIN,
    )
    if not before.exists():
        record(Action.SEEN, subject, who=who)


def _entry(action: Action, subject: Subject | Model, who: Who, details: dict[str, Any]) -> AuditEntry:
    told = subject_of(subject) if isinstance(subject, Model) else subject
    if who.token:
        details = {"token": who.token, **details}
    return AuditEntry(
        at=timezone.now(),
        actor_kind=who.kind.value,
        actor_id=who.id,
        actor_name=_text(who.name)[:150],
        action=action.value,
        object_kind=str(told.kind),
        object_id=told.id[:64],
        object_label=_text(told.label)[:LONGEST_LABEL],
        address=address_now(),
        request_id=request_id()[:64],
        details=_plain(details),
    )


def _plain(value: Any) -> Any:
    """A detail as both databases give it back.

    Raises:
        TypeError: It is a number with a fraction, or nothing that JSON has.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    raise TypeError(f"A detail of an audit entry cannot be a {type(value).__name__}")


def _text(value: str) -> str:
    """A text that every database can hold and every encoder write."""
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
