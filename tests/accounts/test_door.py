"""Who has to sign in, or to add a second factor, before a page answers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ml_app.models import Scan
from ml_app.services.tokens import create_token
from tests.accounts.conftest import make_user, sign_in
from tests.accounts.test_signing_in import add_app

OPEN = (
    "/about/",
    "/models/",
    "/accounts/login/",
    "/accounts/signup/",
    "/offline/",
    "/reports/check/",
    "/manifest.webmanifest",
)
CLOSED = ("/", "/scans/", "/batches/", "/queue/")


@pytest.fixture
def _accounts_only(settings: Any) -> None:
    settings.ANONYMOUS_USE = False


def test_anonymous_use_is_what_everybody_starts_with(newcomer: Client, db: None) -> None:
    assert [newcomer.get(url).status_code for url in (*OPEN, *CLOSED)] == [200] * (len(OPEN) + len(CLOSED))


@pytest.mark.usefixtures("_accounts_only")
def test_without_it_pages_ask_to_sign_in(owner: Client, done: Scan, anna: User) -> None:
    assert [owner.get(url).status_code for url in OPEN] == [200] * len(OPEN)
    for url in (*CLOSED, f"/scans/{done.pk}/", f"/scans/{done.pk}/video"):
        response = owner.get(url)
        assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={url}")
    assert owner.post("/", {"frame_count": 20}).status_code == 302
    assert owner.get("/healthz").status_code == 200
    sign_in(owner)  # and takes along what the browser had before
    assert owner.get(f"/scans/{done.pk}/").status_code == 200


@pytest.mark.usefixtures("_accounts_only")
def test_without_it_the_api_asks_for_a_token(owner: Client, anna: User, done: Scan) -> None:
    for url in ("/api/v1/scans", f"/api/v1/scans/{done.pk}", "/api/v1/me"):
        response = owner.get(url)
        assert (response.status_code, response.json()["code"]) == (401, "sign_in_first"), url
    assert Client().post("/upload").status_code == 401
    assert Client().get("/api/v1/docs/").status_code == 200
    _row, text = create_token(user=anna)
    program = Client(headers={"Authorization": f"Bearer {text}"})
    assert program.get("/api/v1/scans").status_code == 200


def test_staff_add_a_second_factor_first(db: None, settings: Any, done: Scan) -> None:
    settings.STAFF_MFA_REQUIRED = True
    make_user("root", is_staff=True, is_superuser=True)
    client = Client()
    sign_in(client, "root")
    for url in ("/admin/ml_app/scan/", "/scans/", f"/scans/{done.pk}/", f"/scans/{done.pk}/video"):
        response = client.get(url)
        assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/")
    assert "Add a second factor first" in client.get("/accounts/2fa/").content.decode()
    answer = client.get(f"/api/v1/scans/{done.pk}")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")
    add_app(client)
    for url in ("/admin/ml_app/scan/", f"/scans/{done.pk}/", f"/api/v1/scans/{done.pk}"):
        assert client.get(url).status_code == 200


def test_others_are_free_to(db: None, settings: Any, anna: User) -> None:
    settings.STAFF_MFA_REQUIRED = True
    client = Client()
    sign_in(client)
    assert client.get("/scans/").status_code == 200
