"""Who an entry names, what it keeps, and that it stands or falls with the deed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from deepfake_site.logs import about_request as logged_request
from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject, recording
from ml_app.audit.who import shortened, visitor_number
from ml_app.models import AuditEntry, Scan, Video
from ml_app.services import access, delete_video
from ml_app.services.tokens import create_token
from tests.factories import ScanFactory, UserFactory

pytestmark = pytest.mark.django_db
SOMETHING = Subject(ObjectKind.SCAN, "7", "talk.mp4")


def newest(number: int = 1) -> list[AuditEntry]:
    return list(AuditEntry.objects.all()[:number])[::-1]


def request_of(user: Any = None, visitor: str = "", **values: Any) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9")
    request.user = user or AnonymousUser()
    request.session = {access.VISITOR_KEY: visitor} if visitor else {}  # type: ignore[assignment]
    for name, value in values.items():
        setattr(request, name, value)
    return request


def recorded(request: HttpRequest) -> AuditEntry:
    with audit.about_request(request), logged_request("request-of-the-test"):
        audit.record(Action.DELETED, SOMETHING, files=3)
    return newest()[0]


def test_an_account_is_named_as_it_was_called() -> None:
    anna = UserFactory(username="anna")
    entry = recorded(request_of(anna))
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("account", str(anna.pk), "anna")
    assert (entry.address, entry.request_id) == ("203.0.113.9", "request-of-the-test")
    assert (entry.action, entry.object_kind, entry.object_id) == ("deleted", "scan", "7")
    assert (entry.object_label, entry.details) == ("talk.mp4", {"files": 3})
    anna.delete()
    assert AuditEntry.objects.get(number=entry.number).actor_name == "anna"


def test_a_token_is_named_with_its_account() -> None:
    anna = UserFactory(username="anna")
    token, text = create_token(user=anna)
    entry = recorded(request_of(anna, auth=token))
    assert (entry.actor_kind, entry.actor_name) == ("token", "anna")
    assert entry.details == {"files": 3, "token": token.prefix}
    assert text.rpartition("_")[2] not in str(entry.__dict__)


def test_a_visitor_is_told_apart_without_the_token_that_opens_their_scans() -> None:
    entry, again = (recorded(request_of(visitor="secret-of-a-visitor")) for _ in range(2))
    other = recorded(request_of(visitor="another"))
    assert entry.actor_kind == "visitor"
    assert entry.actor_id == again.actor_id == visitor_number("secret-of-a-visitor") != other.actor_id
    assert "secret" not in str(entry.__dict__)


def test_somebody_unknown_and_a_program() -> None:
    assert recorded(request_of()).actor_kind == "nobody"
    audit.record(Action.PURGED, SOMETHING)
    entry = newest()[0]
    assert (entry.actor_kind, entry.address) == ("process", "")
    assert entry.actor_name


@pytest.mark.parametrize(
    ("kept", "address", "told"),
    [
        ("full", "203.0.113.9", "203.0.113.9"),
        ("network", "203.0.113.9", "203.0.113.0"),
        ("network", "2001:db8:1:2::3", "2001:db8:1::"),
        ("network", "nonsense", ""),
        ("none", "203.0.113.9", ""),
    ],
)
def test_as_much_of_an_address_as_the_operator_wants(kept: Any, address: str, told: str) -> None:
    assert shortened(address, kept) == told


def test_texts_of_strangers_fit_and_hash_alike(django_assert_num_queries: Any) -> None:
    label = "\udcff\0" + "x" * 300
    audit.record(Action.DELETED, Subject(ObjectKind.SCAN, "7", label), names=["\0", {"\ud800": None}])
    entry = newest()[0]
    assert len(entry.object_label) == 255
    assert entry.hash == recording.chain.digest(entry)


@pytest.mark.parametrize("value", [0.5, object(), {"x": [1.0]}, timezone.now()])
def test_what_cannot_be_hashed_alike_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="A detail of an audit entry"):
        audit.record(Action.DELETED, SOMETHING, value=value)


def test_an_entry_costs_two_statements(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(2 + (connection.vendor == "postgresql")):
        audit.record(Action.DELETED, SOMETHING)


def test_the_deed_and_its_entry_stand_or_fall_together(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = ScanFactory(done=True)
    number = newest()[0].number if newest() else 0
    with pytest.raises(RuntimeError), transaction.atomic():
        delete_video(video=Video.objects.get(pk=scan.video_id))
        raise RuntimeError("what came after failed")
    assert AuditEntry.objects.filter(number__gt=number, action=Action.DELETED).count() == 0

    def fail(entries: Any) -> None:
        raise DatabaseError("no room left")

    monkeypatch.setattr("ml_app.audit.chain.append", fail)
    with pytest.raises(DatabaseError):
        delete_video(video=Video.objects.get(pk=scan.video_id))
    assert Scan.objects.filter(pk=scan.pk).exists(), "what cannot be recorded is not done"


def test_what_is_gathered_comes_at_the_end_and_in_order() -> None:
    before = AuditEntry.objects.count()
    with audit.gathered():
        audit.record(Action.CANCELLED, SOMETHING)
        with audit.gathered():
            audit.record(Action.PURGED, SOMETHING)
        with pytest.raises(RuntimeError), audit.gathered():
            audit.record(Action.SEEN, SOMETHING)
            raise RuntimeError("taken back")
        audit.record(Action.DELETED, SOMETHING)
        assert AuditEntry.objects.count() == before, "the lock of the chain is not held meanwhile"
    assert [entry.action for entry in newest(3)] == ["cancelled", "purged", "deleted"]
    with pytest.raises(RuntimeError), audit.gathered():
        audit.record(Action.SEEN, SOMETHING)
        raise RuntimeError("taken back")
    assert AuditEntry.objects.count() == before + 3


def test_who_looks_again_within_an_hour_is_not_noted_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, anna = ScanFactory(done=True), UserFactory()
    views = AuditEntry.objects.filter(object_id=str(scan.pk), action=Action.SEEN)
    settings.AUDIT_VIEWS = False
    with audit.about_request(request_of(anna)):
        audit.seen(scan)
    assert views.count() == 0
    settings.AUDIT_VIEWS = True
    for user in (anna, anna, UserFactory()):
        with audit.about_request(request_of(user)):
            audit.seen(scan)
    assert views.count() == 2
    monkeypatch.setattr(recording, "SEEN_AGAIN", timedelta(0))
    with audit.about_request(request_of(anna)):
        audit.seen(scan)
    assert views.count() == 3
