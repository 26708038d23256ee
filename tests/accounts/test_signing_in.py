"""Signing in and out: passwords, throttling, second factors, sessions."""

from __future__ import annotations

import re
import time
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from tests.accounts.conftest import PASSWORD, make_user, sign_in


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def add_app(client: Client) -> str:
    """Add an authenticator app to the account that is signed in. Returns its secret."""
    to_confirm = client.get("/accounts/2fa/totp/activate/")["Location"]
    assert to_confirm.startswith("/accounts/reauthenticate/"), "a session alone is not enough for that"
    client.post(to_confirm, {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    secret: str = page.context["form"].secret
    assert "data:image/svg+xml" in page.content.decode()
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}).status_code == 302
    return secret


def test_by_name_and_by_address(anna: User, newcomer: Client) -> None:
    anna.email = "anna@example.org"
    anna.save()
    for login in ("anna", "anna@example.org"):
        client = Client()
        assert "Name or e-mail address" in client.get("/accounts/login/").content.decode()
        response = sign_in(client, login, next="/about/")
        assert (response.status_code, response["Location"]) == (302, "/about/")
        assert "Account of anna" in client.get("/accounts/").content.decode()
        assert client.post("/accounts/logout/").status_code == 302
        assert client.get("/accounts/").status_code == 302


def test_an_unknown_name_and_a_wrong_password_read_alike(anna: User) -> None:
    pages = [
        sign_in(Client(), login, "wrong").content.decode().replace(login, "") for login in ("anna", "nobody")
    ]
    words = [re.findall(r'class="error"[^>]*>([^<]*)', page) for page in pages]
    assert words[0] == words[1] != []


def test_guessing_ends(anna: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    statuses = [sign_in(Client(REMOTE_ADDR="192.0.2.1"), password="wrong").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert sign_in(Client(REMOTE_ADDR="192.0.2.1")).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.2")).status_code == 302


def test_the_desk_sends_to_this_page_and_back(anna: User) -> None:
    client = Client()
    to_login = client.get("/admin/ml_app/scan/", follow=True).redirect_chain[-1][0]
    assert to_login == "/accounts/login/?next=/admin/ml_app/scan/"
    sign_in(client)
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/", "and does not send in a circle whoever is no staff"
    assert "for staff" in response.content.decode()
    make_user("root", is_staff=True, is_superuser=True)
    desk = Client()
    sign_in(desk, "root")
    assert desk.get("/admin/login/?next=/admin/ml_app/scan/")["Location"] == "/admin/ml_app/scan/"
    assert desk.get("/admin/login/?next=https://elsewhere.example/")["Location"] == "/admin/"


def test_a_password_alone_opens_nothing_where_there_is_a_second_factor(anna: User) -> None:
    client = Client()
    sign_in(client)
    secret = add_app(client)
    other = Client()
    assert sign_in(other)["Location"] == "/accounts/2fa/authenticate/"
    assert other.get("/accounts/").status_code == 302, "not signed in yet"
    assert other.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    codes = client.get("/accounts/2fa/recovery-codes/download/").content.decode().split()
    assert other.post("/accounts/2fa/authenticate/", {"code": codes[-1]}).status_code == 302
    assert other.get("/accounts/").status_code == 200
    third = Client()
    sign_in(third)
    assert third.post("/accounts/2fa/authenticate/", {"code": codes[-1]}).status_code == 200, "works once"
    _wait_for_the_next_code(code_of(secret), secret)
    assert third.post("/accounts/2fa/authenticate/", {"code": code_of(secret)}).status_code == 302


def _wait_for_the_next_code(used: str, secret: str) -> None:
    """A code that was used to add the app is not taken a second time."""
    while code_of(secret) == used:
        time.sleep(0.5)


def test_sessions_are_listed_and_ended(anna: User) -> None:
    here, there = Client(HTTP_USER_AGENT="Browser A"), Client(HTTP_USER_AGENT="Browser B")
    sign_in(here)
    sign_in(there)
    page = here.get("/accounts/sessions/").content.decode()
    assert "Browser A" in page and "Browser B" in page
    assert here.post("/accounts/sessions/").status_code == 302
    assert here.get("/accounts/").status_code == 200
    assert there.get("/accounts/").status_code == 302


def test_a_forgotten_password(anna: User) -> None:
    anna.email = "anna@example.org"
    anna.save()
    client = Client()
    assert client.post("/accounts/password/reset/", {"email": "anna@example.org"}).status_code == 302
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link
    page = client.get(link[1], follow=True)
    new = {"password1": "another long sentence", "password2": "another long sentence"}
    assert client.post(page.redirect_chain[-1][0], new).status_code == 302
    assert sign_in(Client(), password=PASSWORD).status_code == 200
    assert sign_in(Client(), password="another long sentence").status_code == 302
    mail.outbox.clear()
    client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    assert all("nobody@example.org" in message.to for message in mail.outbox), "which tells nobody else"
