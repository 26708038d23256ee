"""Tokens: made on the command line, shown once, seen and revoked on a page."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from ml_app.models import ApiToken, Scan
from ml_app.services.tokens import create_token
from tests.api.conftest import SCANS, problem, program
from tests.factories import UserFactory

ME = "/api/v1/me"


def make(*arguments: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def client_with(text: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_the_last_line_is_the_token_alone(user: User) -> None:
    lines = make(user.username, "--scope", "write", "--name", "Nightly run").splitlines()
    assert re.fullmatch(r"dfd_[0-9a-f]{8}_[\w-]{43}", lines[-1])
    row = ApiToken.objects.get()
    assert (row.user, row.scope, row.name, row.expires_at) == (user, "write", "Nightly run", None)
    assert lines[-1].startswith(row.prefix)
    assert client_with(lines[-1]).get(ME).json()["username"] == user.username


def test_only_a_hash_is_kept(user: User) -> None:
    text = make(user.username).splitlines()[-1]
    row = ApiToken.objects.get()
    kept = " ".join(str(value) for value in ApiToken.objects.values_list().get())
    assert text not in kept and text.removeprefix(row.prefix)[1:] not in kept
    assert row.scope == "read", "by default it cannot change anything"


def test_it_may_expire(user: User) -> None:
    text = make(user.username, "--days", "1").splitlines()[-1]
    assert client_with(text).get(ME).status_code == 200
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    problem(client_with(text).get(ME), 401, "bad_token")


@pytest.mark.parametrize("arguments", [("nobody",), ("{user}", "--days", "0"), ("{user}", "--days", "nan")])
def test_what_makes_no_sense_is_refused(user: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        make(*(argument.format(user=user.username) for argument in arguments))
    assert not ApiToken.objects.exists()


def test_its_use_is_noted_once_a_minute(user: User) -> None:
    row, text = create_token(user=user)
    client_with(text).get(ME)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    client_with(text).get(ME)
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    client_with(text).get(ME)
    row.refresh_from_db()
    assert row.last_used_at is not None and row.last_used_at >= first


def test_what_opens_nothing_is_a_401_everywhere(user: User, finished: Scan) -> None:
    row, text = create_token(user=user)
    other, _text = create_token(user=user)
    wrong = [
        "",
        "nonsense",
        text[:-1] + ("a" if text[-1] != "a" else "b"),
        text.replace(row.prefix, other.prefix),
        "ü" * 60,
    ]
    for bad in wrong:
        for address in (ME, SCANS, f"{SCANS}/{finished.pk}", "/api/v1/detectors"):
            response = client_with(bad).get(address)
            problem(response, 401, "bad_token")
            assert response["WWW-Authenticate"].startswith("Bearer")
    user.is_active = False
    user.save()
    problem(client_with(text).get(ME), 401, "bad_token")


def test_a_token_for_reading_reads(user: User, waiting: Scan) -> None:
    reader = program(user, scope="read")
    assert reader.get(f"{SCANS}/{waiting.pk}").status_code == 200
    for method, address in (
        ("POST", SCANS),
        ("POST", f"{SCANS}/{waiting.pk}/cancel"),
        ("POST", f"{SCANS}/{waiting.pk}/rerun"),
        ("POST", "/upload"),
        ("DELETE", f"{SCANS}/{waiting.pk}"),
    ):
        problem(reader.generic(method, address), 403, "read_only_token")
    waiting.refresh_from_db()
    assert waiting.status == "queued"


def test_a_token_counts_and_not_the_cookie(user: User, finished: Scan) -> None:
    other = Client()
    other.force_login(UserFactory())
    _row, text = create_token(user=user)
    assert other.get(ME, headers={"Authorization": f"bearer {text}"}).json()["username"] == user.username


def test_the_page_lists_ones_own_and_revokes_them(user: User) -> None:
    row, text = create_token(user=user, name="Nightly run")
    theirs, _ = create_token(user=UserFactory(), name="Somebody's")
    browser = Client()
    browser.force_login(user)
    page = browser.get("/tokens/").content.decode()
    assert row.prefix in page and "Nightly run" in page
    assert text not in page and theirs.prefix not in page
    assert browser.post(f"/tokens/{theirs.pk}/revoke/").status_code == 404
    assert browser.post(f"/tokens/{row.pk}/revoke/")["Location"] == "/tokens/"
    problem(client_with(text).get(ME), 401, "bad_token")
    assert "revoked" in browser.get("/tokens/").content.decode()
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_the_page_is_for_those_who_are_signed_in(user: User) -> None:
    row, _text = create_token(user=user)
    for response in (Client().get("/tokens/"), Client().post(f"/tokens/{row.pk}/revoke/")):
        assert (response.status_code, response["Location"][:16]) == (302, "/accounts/login/")
    row.refresh_from_db()
    assert row.revoked_at is None


def test_revoking_needs_the_forms_token(user: User) -> None:
    row, _text = create_token(user=user)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.post(f"/tokens/{row.pk}/revoke/").status_code == 403
