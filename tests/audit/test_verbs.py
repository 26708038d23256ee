"""What people do leaves its entry, by page, API, admin or command: who, what, and to what."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from deepfake_site.environment import effective, is_secret
from ml_app.audit import chain
from ml_app.audit.site_settings import record_site_settings
from ml_app.batches import acting
from ml_app.batches.creating import Order, create_empty
from ml_app.models import ApiToken, AuditEntry, Invitation, Review, Scan
from ml_app.services.tokens import create_token
from tests.accounts.conftest import PASSWORD, make_user, sign_in
from tests.factories import ScanFactory, UserFactory
from tests.web.conftest import OWNER, TOKEN

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


@pytest.fixture(autouse=True)
def _whole(db: None) -> Iterator[None]:
    yield
    assert chain.verify().broken is None


class Since:
    """What was recorded since it was made."""

    def __init__(self) -> None:
        last = AuditEntry.objects.first()
        self._after = last.number if last else 0

    def rows(self) -> list[AuditEntry]:
        return list(AuditEntry.objects.filter(number__gt=self._after).order_by("number"))

    def told(self) -> list[tuple[str, str, str]]:
        return [(row.actor_kind, row.action, row.object_kind) for row in self.rows()]


@pytest.fixture
def anna() -> User:
    return make_user("anna")


def api(user: User, scope: str = "write") -> Client:
    return Client(headers={"Authorization": f"Bearer {create_token(user=user, scope=scope)[1]}"})


def test_seeing_a_scan(owner: Client, staff: Client, stranger: Client, done: Scan) -> None:
    since = Since()
    for client in (owner, owner, staff, stranger):
        client.get(f"/scans/{done.pk}/")
    staff.get(f"/admin/ml_app/scan/{done.pk}/change/")
    assert since.told() == [("visitor", "seen", "scan"), ("account", "seen", "scan")]
    assert {row.object_label for row in since.rows()} == {"speech.mp4"}
    assert {row.object_id for row in since.rows()} == {str(done.pk)}
    assert TOKEN not in str([row.__dict__ for row in since.rows()])


def test_nothing_is_to_be_seen_of_one_that_waits(owner: Client) -> None:
    waiting = ScanFactory(video__owner=OWNER)
    since = Since()
    owner.get(f"/scans/{waiting.pk}/")
    assert since.told() == []


def test_a_video_that_is_played_was_seen(owner: Client, done: Scan) -> None:
    since = Since()
    b"".join(owner.get(f"/scans/{done.pk}/video").streaming_content)  # type: ignore[attr-defined]
    assert since.told() == [("visitor", "seen", "scan")]


def test_ordering_cancelling_and_deleting(owner: Client, done: Scan) -> None:
    since = Since()
    owner.post(f"/videos/{done.video_id}/scan/", {"frame_count": 20})
    again = Scan.objects.exclude(pk=done.pk).get()
    owner.post(f"/scans/{again.pk}/cancel/")
    owner.post(f"/scans/{again.pk}/cancel/")  # it has ended: nothing happens
    owner.post(f"/scans/{again.pk}/delete/")
    owner.post(f"/videos/{done.video_id}/delete/")
    assert [row[1:] for row in since.told()] == [
        ("ordered", "scan"),
        ("cancelled", "scan"),
        ("deleted", "scan"),
        ("deleted", "video"),
    ]
    deleted = since.rows()[-1]
    assert deleted.details == {"sha256": done.video.sha256, "scans": [str(done.pk)]}
    assert deleted.object_label == "speech.mp4"


def test_by_a_token(anna: User) -> None:
    scan = ScanFactory(done=True, video__owner=f"user:{anna.pk}")
    client = api(anna)
    since = Since()
    for _ in range(3):
        assert client.get(f"/api/v1/scans/{scan.pk}").status_code == 200
    assert client.get(f"/api/v1/scans/{scan.pk}/report").status_code == 200
    assert client.delete(f"/api/v1/scans/{scan.pk}").status_code == 204
    assert since.told() == [
        ("token", "seen", "scan"),
        ("token", "reported", "scan"),
        ("token", "deleted", "scan"),
    ]
    assert {row.actor_name for row in since.rows()} == {"anna"}
    assert since.rows()[0].details["token"] == ApiToken.objects.get().prefix


def test_deciding(staff: Client, done: Scan) -> None:
    reviewer = UserFactory(is_staff=True, is_superuser=True)
    since = Since()
    client = api(reviewer)
    sent = {"decision": "confirmed_fake", "note": "a secret remark"}
    client.post(f"/api/v1/scans/{done.pk}/reviews", sent, content_type="application/json")
    assert ("account", "decided", "scan") in since.told()
    decided = since.rows()[-1]
    assert decided.details == {"decision": "confirmed_fake", "review": Review.objects.get().pk}
    assert decided.actor_name == reviewer.get_username()


def test_exports_and_purges_of_the_admin(staff: Client, done: Scan) -> None:
    since = Since()
    chosen = {"_selected_action": [str(done.pk)]}
    staff.post("/admin/ml_app/scan/", {"action": "export_csv", **chosen})
    staff.post("/admin/ml_app/scan/", {"action": "purge", "confirmed": "1", **chosen})
    assert since.told() == [("account", "exported", "scans"), ("account", "purged", "video")]
    assert since.rows()[0].details == {"format": "csv", "scans": 1}


def test_batches(owner: Client) -> None:
    since = Since()
    batch = create_empty(order=Order(OWNER, None, 20), name="Monday")
    for verb in ("pause", "resume", "cancel", "rerun"):
        assert owner.post(f"/batches/{batch.pk}/{verb}/").status_code == 302
    owner.get(f"/batches/{batch.pk}/results.csv")
    owner.get(f"/batches/{batch.pk}/results.json")
    acting.cancel(batch=batch)
    owner.post(f"/batches/{batch.pk}/delete/")
    told = [(action, kind) for _, action, kind in since.told()]
    assert told == [
        (action, "batch")
        for action in (
            *("made", "paused", "resumed", "cancelled", "rerun"),
            *("exported", "exported", "cancelled", "deleted"),
        )
    ]


def test_signing_in_and_out_and_failing_to(anna: User) -> None:
    since, client = Since(), Client()
    sign_in(client, password="not hers")
    sign_in(client, login=PASSWORD)  # what somebody types into the wrong field
    sign_in(client)
    client.post("/accounts/logout/")
    assert since.told() == [
        ("nobody", "sign_in_failed", "account"),
        ("nobody", "sign_in_failed", "account"),
        ("account", "signed_in", "account"),
        ("account", "signed_out", "account"),
    ]
    failed, unknown, *_ = since.rows()
    assert (failed.object_label, failed.details) == ("anna", {"known": True})
    assert (unknown.object_label, unknown.details) == ("", {"known": False})
    assert PASSWORD not in str([row.__dict__ for row in since.rows()])
    assert all(row.address for row in since.rows())
    assert len({row.request_id for row in since.rows()}) == 4


def test_guessing_does_not_fill_the_log(anna: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    since = Since()
    for _ in range(9):  # from where no test that commits has signed in
        sign_in(Client(REMOTE_ADDR="198.51.100.9"), password="not hers")
    assert len(since.told()) == 4
    assert sign_in(Client(REMOTE_ADDR="203.0.113.77"), password="not hers").status_code == 200
    assert since.rows()[-1].address == "203.0.113.77", "others are told of all the same"


def test_tokens_and_webhooks(anna: User) -> None:
    since = Since()
    call_command("create_token", "anna")
    client = Client()
    client.force_login(anna)
    client.post(f"/tokens/{ApiToken.objects.get().pk}/revoke/")
    client = api(anna)
    made = client.post(
        "/api/v1/webhooks", {"url": "https://93.184.216.34/hook?key=1"}, content_type="application/json"
    )
    assert made.status_code == 201, made.content
    client.delete(f"/api/v1/webhooks/{made.json()['id']}")
    assert [row for row in since.told() if row[1] != "signed_in"] == [
        ("process", "made", "token"),
        ("account", "revoked", "token"),
        ("process", "made", "token"),
        ("token", "made", "webhook"),
        ("token", "deleted", "webhook"),
    ]
    assert since.rows()[-1].object_label == "93.184.216.34", "an address may hold a secret"


def test_invitations_do_not_leave_the_address(staff: Client) -> None:
    since = Since()
    staff.post("/accounts/invitations/", {"email": "ben@example.org"})
    staff.post(f"/accounts/invitations/{Invitation.objects.get().pk}/withdraw/")
    staff.post(f"/accounts/invitations/{Invitation.objects.get().pk}/withdraw/")  # it was: nothing happens
    assert since.told() == [("account", "made", "invitation"), ("account", "withdrawn", "invitation")]
    assert "ben@" not in str([row.__dict__ for row in since.rows()])


def test_a_second_factor_that_is_taken_away(staff: Client, anna: User) -> None:
    factor = Authenticator.objects.create(user=anna, type="totp", data={"secret": "hidden"})
    since = Since()
    staff.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})
    assert since.told() == [("account", "deleted", "second_factor")]
    assert since.rows()[0].object_label == "anna"


def test_rights_of_accounts(staff: Client, anna: User) -> None:
    group = Group.objects.create(name="Reviewers")
    since = Since()
    values = {"username": "anna", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    values |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert staff.post(f"/admin/auth/user/{anna.pk}/change/", values).status_code == 302
    (row,) = since.rows()
    assert (row.action, row.object_kind, row.object_label) == ("changed", "account", "anna")
    assert "Staff status" in row.details["fields"]
    assert (row.details["is_staff"], row.details["is_superuser"]) == (True, False)
    staff.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    assert since.told()[-1] == ("account", "deleted", "group")


def test_an_administrator_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    since = Since()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--username=root", "--email=r@example.org", verbosity=0)
    assert since.told() == [("process", "made", "account")]
    assert since.rows()[0].details == {"is_staff": True, "is_superuser": True}


def test_an_account_that_goes_stays_in_the_log(anna: User) -> None:
    scan = ScanFactory(done=True, video__owner=f"user:{anna.pk}", video__original_name="speech.mp4")
    other = UserFactory(is_superuser=True)
    client, number = Client(), str(anna.pk)
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    since = Since()
    client.post("/accounts/data/")
    client.post("/accounts/delete/")
    assert not User.objects.filter(pk=number).exists()
    assert other.pk
    assert since.told() == [
        ("account", "exported", "data"),
        ("account", "deleted", "video"),
        ("account", "deleted", "account"),
    ]
    assert {(row.actor_id, row.actor_name) for row in since.rows()} == {(number, "anna")}
    assert since.rows()[1].details["scans"] == [str(scan.pk)]


def test_ones_own_data_tell_what_the_log_has(anna: User) -> None:
    from ml_app.accounts.own_data import _about

    sign_in(Client())
    told = _about(anna)["audit"]
    assert [entry["action"] for entry in told] == ["signed_in"]
    assert told[0]["address"] == "127.0.0.1"


def test_sessions_that_are_ended(anna: User, staff: Client) -> None:
    here, there, elsewhere = Client(), Client(), Client()
    for client in (here, there, elsewhere):
        sign_in(client)
        client.get("/accounts/")
    since = Since()
    here.post("/accounts/sessions/")
    assert since.told() == [("account", "deleted", "session")] * 2
    assert there.get("/accounts/").status_code == 302
    since = Since()
    left = UserSession.objects.get(user=anna)
    staff.post(f"/admin/usersessions/usersession/{left.pk}/delete/", {"post": "yes"})
    assert ("account", "deleted", "session") in since.told()
    assert {row.object_label for row in since.rows()} == {"anna"}
    assert here.get("/accounts/").status_code == 302, "the browser is signed out"


def test_a_password_that_an_operator_gives(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    since = Since()
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "another long sentence")
    call_command("changepassword", "anna", stdout=io.StringIO())
    assert since.told() == [("process", "changed", "password")]
    anna.refresh_from_db()
    assert anna.check_password("another long sentence")


def test_settings_of_the_site_are_recorded_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"MAX_UPLOAD_MB": "100", "SECRET_KEY": "hidden", "DATABASE_URL": "postgres://u:hidden@h/d"}
    monkeypatch.setattr("ml_app.audit.site_settings.effective", lambda: dict(told))
    since = Since()
    assert record_site_settings() == ["DATABASE_URL", "MAX_UPLOAD_MB", "SECRET_KEY"]
    assert record_site_settings() == []
    told["SECRET_KEY"] = "another hidden one"
    assert record_site_settings() == ["SECRET_KEY"]
    told["MAX_UPLOAD_MB"] = "5"
    record_site_settings()
    rows = since.rows()
    assert [row.details["changed"] for row in rows] == [["first recorded"], ["SECRET_KEY"], ["MAX_UPLOAD_MB"]]
    assert "hidden" not in str([row.details for row in rows])
    assert rows[-1].details["values"]["MAX_UPLOAD_MB"] == "5"


def test_every_variable_is_among_them() -> None:
    known = effective()
    assert {"MAX_UPLOAD_MB", "TEAMS_OPEN", "EMAIL_URL", "SECRET_KEY", "ALLOWED_HOSTS"} <= set(known)
    assert is_secret("REPORT_KEY", "x") and not is_secret("MAX_UPLOAD_MB", "100")
