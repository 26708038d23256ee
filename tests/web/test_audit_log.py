"""The pages of the audit log: searched by staff, paged by number, exported."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.models import AuditEntry
from tests.factories import UserFactory


def add(number: int = 1, *, label: str = "talk.mp4", action: Action = Action.DELETED) -> None:
    for at in range(number):
        audit.record(action, Subject(ObjectKind.SCAN, f"object-{at}", label))


def shown(client: Client, address: str) -> list[int]:
    page = client.get(address)
    assert page.status_code == 200
    return [
        int(number) for number in re.findall(r'<th scope="row" class="num">(\d+)</th>', page.content.decode())
    ]


def test_staff_without_the_permission_find_no_such_page(db: None) -> None:
    user, client = UserFactory(is_staff=True), Client()
    client.force_login(user)
    assert client.get("/audit/").status_code == 404
    user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert client.get("/audit/").status_code == 200
    user.is_staff = False
    user.save()
    assert client.get("/audit/entries.csv").status_code == 404


def test_pages_go_back_by_number_in_a_constant_number_of_queries(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    add(120)
    newest = AuditEntry.objects.first()
    assert newest is not None
    last = newest.number
    with django_assert_max_num_queries(5):
        assert shown(staff, "/audit/") == list(range(last, last - 50, -1))
    page = staff.get("/audit/").content.decode()
    older = re.search(r'rel="next" href="(\?before=\d+)"', page)
    assert older is not None
    with django_assert_max_num_queries(5):
        assert shown(staff, f"/audit/{older[1]}") == list(range(last - 50, last - 100, -1))
    assert shown(staff, "/audit/?before=nonsense")[0] == last
    assert shown(staff, "/audit/?before=" + "9" * 400)[0] == last


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("action=purged", 1),
        ("kind=scan&about=object-0", 2),
        ("about=wanted.mp4", 1),
        ("about=wanted", 0),
        ("who=anna", 1),
        ("address=203.0.113.9", 0),
        ("request=nothing", 0),
        ("since=2020-01-01&until=2020-01-02", 0),
        ("since=0001-01-01&until=9999-12-31&about=wanted.mp4", 1),
        ("action=nonsense&about=wanted.mp4", 1),
    ],
)
def test_filters_stand_in_the_address(query: str, number: int, staff: Client) -> None:
    add(2)
    add(label="wanted.mp4", action=Action.PURGED)
    anna = UserFactory(username="anna")
    audit.record(Action.MADE, anna, who=audit.Who(audit.who.ActorKind.ACCOUNT, str(anna.pk), "anna"))
    assert len(shown(staff, f"/audit/?{query}")) == number


def test_what_strangers_name_their_files_is_text(staff: Client) -> None:
    add(label="<script>alert(1)</script>")
    page = staff.get("/audit/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_export_has_what_was_asked_for_and_is_an_entry(staff: Client) -> None:
    add(3, label="=cmd()")
    response = staff.get("/audit/entries.csv?about=object-1")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["object_label"] for row in rows] == ["'=cmd()"], "no formula for a spreadsheet"
    entry = AuditEntry.objects.get(number=rows[0]["number"])
    assert rows[0]["hash"] == entry.hash
    export = AuditEntry.objects.first()
    assert export is not None
    assert (export.action, export.object_kind) == ("exported", "audit")
    assert export.details == {"filters": {"about": "object-1"}}
