"""The chain of hashes: it grows, it is checked, and the database lets nobody change it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject, chain
from ml_app.models import AuditEntry

TABLE = "ml_app_auditentry"


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def head() -> tuple[int, str]:
    last = AuditEntry.objects.first()
    return (last.number, last.hash) if last else (0, chain.GENESIS)


@pytest.fixture
def entries(db: None) -> list[int]:
    """The numbers of five entries at the chain's end."""
    first = head()[0] + 1
    for number in range(5):
        audit.record(Action.DELETED, Subject(ObjectKind.SCAN, str(number), f"talk “{number}”.mp4"), n=number)
    return list(range(first, first + 5))


@pytest.fixture
def unprotected(entries: list[int]) -> list[int]:
    """The same, without the triggers, as whoever owns the database could have it."""
    on = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    for name in chain.TRIGGERS:
        if connection.vendor == "postgresql" or name != "auditentry_no_truncate":
            sql(f"DROP TRIGGER {name}{on}")
    return entries


def test_each_entry_holds_the_hash_of_the_one_before(entries: list[int]) -> None:
    rows = list(AuditEntry.objects.filter(number__gte=entries[0]).order_by("number"))
    assert [row.number for row in rows] == entries
    assert [row.previous_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert len({row.hash for row in rows}) == 5
    assert all(row.hash == chain.digest(row) for row in rows), "also of what comes back from the database"


def test_a_whole_chain_is_whole(entries: list[int]) -> None:
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    number, digest = head()
    assert f"is whole: {number} entries" in said.getvalue()
    assert said.getvalue().splitlines()[-1] == f"{number}:{digest}"
    call_command("verify_audit", "--noted", f"{number}:{digest}", stdout=said)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TABLE} SET actor_name = 'nobody' WHERE number = %s",
        f"DELETE FROM {TABLE} WHERE number = %s",
        f"INSERT INTO {TABLE} SELECT number + 7, at, actor_kind, actor_id, actor_name, action, object_kind, "
        "object_id, object_label, address, request_id, details, previous_hash, 'x' "
        f"FROM {TABLE} WHERE number = %s",
    ],
    ids=["update", "delete", "a gap"],
)
def test_the_database_refuses(statement: str, entries: list[int]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement, entries[1])
    assert chain.verify().broken is None


def test_the_database_refuses_what_replaces_or_empties(entries: list[int]) -> None:
    statement = (
        f"TRUNCATE {TABLE}"
        if connection.vendor == "postgresql"
        else f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM {TABLE} WHERE number = {entries[1]}"
    )
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement)
    assert chain.verify().broken is None


def test_so_do_the_models(entries: list[int]) -> None:
    entry = AuditEntry.objects.get(number=entries[0])
    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(actor_name="nobody"),
    ):
        with pytest.raises(TypeError):
            change()


def _change(numbers: list[int]) -> None:
    sql(f"UPDATE {TABLE} SET actor_name = 'nobody' WHERE number = %s", numbers[2])


def _change_details(numbers: list[int]) -> None:
    sql(f"UPDATE {TABLE} SET details = '{{\"n\": 7}}' WHERE number = %s", numbers[2])


def _remove(numbers: list[int]) -> None:
    sql(f"DELETE FROM {TABLE} WHERE number = %s", numbers[2])


def _remove_and_close_the_gap(numbers: list[int]) -> None:
    _remove(numbers)
    for number in numbers[3:]:
        sql(f"UPDATE {TABLE} SET number = number - 1 WHERE number = %s", number)


def _swap(numbers: list[int]) -> None:
    for old, new in ((numbers[2], -1), (numbers[3], numbers[2]), (-1, numbers[3])):
        sql(f"UPDATE {TABLE} SET number = %s WHERE number = %s", new, old)


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (_change, "changed"),
        (_change_details, "changed"),
        (_remove, "missing"),
        (_remove_and_close_the_gap, "does_not_follow"),
        (_swap, "does_not_follow"),
    ],
)
def test_the_first_break_is_named(
    attack: Callable[[list[int]], None], code: str, unprotected: list[int]
) -> None:
    attack(unprotected)
    found = chain.verify()
    assert found.broken is not None
    assert (found.broken.number, found.broken.code) == (unprotected[2], code)
    assert found.entries == unprotected[1]
    with pytest.raises(CommandError, match=f"is broken: entry {unprotected[2]} "):
        call_command("verify_audit")


def test_an_end_that_was_cut_off_is_seen_by_a_note_alone(unprotected: list[int]) -> None:
    noted = head()
    sql(f"DELETE FROM {TABLE} WHERE number >= %s", unprotected[3])
    assert chain.verify().broken is None
    found = chain.verify(noted=noted)
    assert found.broken is not None
    assert (found.broken.number, found.broken.code) == (noted[0], "missing")
    with pytest.raises(CommandError, match="the end was cut off"):
        call_command("verify_audit", "--noted", f"{noted[0]}:{noted[1]}")


def test_a_chain_that_was_made_anew_is_seen_by_a_note_alone(unprotected: list[int]) -> None:
    noted = head()
    previous = AuditEntry.objects.get(number=unprotected[0]).hash
    for number in unprotected[1:]:
        entry = AuditEntry.objects.get(number=number)
        entry.actor_name, entry.previous_hash = "nobody", previous
        previous = chain.digest(entry)
        sql(
            f"UPDATE {TABLE} SET actor_name = 'nobody', previous_hash = %s, hash = %s WHERE number = %s",
            entry.previous_hash,
            previous,
            number,
        )
    assert chain.verify().broken is None
    found = chain.verify(noted=noted)
    assert found.broken is not None
    assert (found.broken.number, found.broken.code) == (noted[0], "other_head")


def test_a_database_without_its_triggers_is_no_success(unprotected: list[int]) -> None:
    assert "auditentry_no_update" in chain.verify().unprotected
    with pytest.raises(CommandError, match="does not protect them: the triggers auditentry_next_number"):
        call_command("verify_audit")


@pytest.mark.parametrize("note", ["7", "x:" + "0" * 64, "7:zz", "0:" + "0" * 64])
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        call_command("verify_audit", "--noted", note)


@pytest.mark.django_db(transaction=True)
def test_flush_empties_all_but_the_log() -> None:
    """So a TransactionTestCase ends as it always did, and nobody empties the log by Django's own command."""
    from tests.factories import UserFactory

    UserFactory(username="anna")
    audit.record(Action.MADE, Subject(ObjectKind.ACCOUNT, "1", "anna"))
    before = head()
    # Without the signal by which the tests' own receiver empties the log (tests/audit_log.py).
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    assert not UserFactory._meta.model.objects.filter(username="anna").exists()
    assert head() == before
    assert chain.verify().broken is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "again"])
def test_tests_that_commit_leave_no_entries_to_each_other(time: str) -> None:
    assert not AuditEntry.objects.exists()
    audit.record(Action.DELETED, Subject(ObjectKind.SCAN, "1", time))
    assert AuditEntry.objects.count() == 1
    with pytest.raises(DatabaseError):
        sql(f"DELETE FROM {TABLE}")
