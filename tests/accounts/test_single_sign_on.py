"""Single sign-on by OpenID Connect, with a real server that speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.contrib.auth.models import User
from django.test import Client
from oidc_provider_mock import User as Person
from oidc_provider_mock import run_server_in_thread

from ml_app.models import Scan
from tests.accounts.conftest import make_user
from tests.project.test_security import manage

ANNA = Person(
    sub="anna-7",
    claims={"email": "anna@example.org", "email_verified": True, "preferred_username": "anna"},
)
EVE = Person(
    sub="eve-1",
    claims={"email": "anna@example.org", "email_verified": False, "preferred_username": "eve"},
)


@contextmanager
def server_for(settings: Any) -> Iterator[str]:
    """A server of our own, named in the settings as OIDC_SERVER would."""
    with run_server_in_thread(user_claims=(ANNA, EVE)) as server:
        url = f"http://localhost:{server.server_port}"
        app = {"provider_id": "sso", "name": "The newsroom", "client_id": "detector", "secret": "s"}
        app = app | {"settings": {"server_url": url}}
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        yield url


@pytest.fixture
def server(settings: Any) -> Iterator[str]:
    with server_for(settings) as url:
        yield url


def come_from(server: str, client: Client, person: str) -> Any:
    """Go to the server, be somebody there, and come back."""
    away = client.post("/accounts/oidc/sso/login/?process=login&next=/scans/")
    assert away.status_code == 302 and away["Location"].startswith(server)
    assert "code_challenge=" in away["Location"]
    back = requests.post(away["Location"], data={"sub": person}, allow_redirects=False, timeout=30)
    parts = urlsplit(back.headers["Location"])
    assert parts.path == "/accounts/oidc/sso/login/callback/"
    return client.get(f"{parts.path}?{parts.query}")


def test_whoever_the_server_knows_gets_an_account(server: str, owner: Client, done: Scan) -> None:
    assert "Sign in with The newsroom" in owner.get("/accounts/login/").content.decode()
    response = come_from(server, owner, "anna-7")
    assert (response.status_code, response["Location"]) == (302, "/scans/")
    anna = User.objects.get()
    assert (anna.username, anna.email, anna.has_usable_password()) == ("anna", "anna@example.org", False)
    assert not anna.is_staff
    assert "speech.mp4" in owner.get("/scans/").content.decode(), "a visitor's scans come along"
    again = Client()
    come_from(server, again, "anna-7")
    assert User.objects.count() == 1
    assert again.get("/accounts/").status_code == 200
    assert not SocialApp.objects.exists(), "by settings alone"


def test_a_confirmed_address_finds_its_account(server: str, newcomer: Client, db: None) -> None:
    anna = make_user("anna", email="anna@example.org")
    EmailAddress.objects.create(user=anna, email=anna.email, verified=True, primary=True)
    come_from(server, newcomer, "anna-7")
    assert SocialAccount.objects.get().user == anna


def test_one_that_is_not_confirmed_takes_over_nothing(server: str, newcomer: Client, db: None) -> None:
    anna = make_user("anna", email="anna@example.org")
    EmailAddress.objects.create(user=anna, email=anna.email, verified=True, primary=True)
    come_from(server, newcomer, "eve-1")
    assert newcomer.get("/accounts/").status_code == 302
    assert not SocialAccount.objects.filter(user=anna).exists()


def test_only_those_with_an_account_if_so_set(server: str, newcomer: Client, settings: Any, db: None) -> None:
    settings.OIDC_SIGNUP = False
    page = come_from(server, newcomer, "anna-7")
    assert page.status_code in (200, 302)
    assert not User.objects.exists()


def test_whoever_changes_their_mind_there(server: str, newcomer: Client, db: None) -> None:
    away = newcomer.post("/accounts/oidc/sso/login/?process=login")
    back = requests.post(away["Location"], data={"action": "deny"}, allow_redirects=False, timeout=30)
    parts = urlsplit(back.headers["Location"])
    page = newcomer.get(f"{parts.path}?{parts.query}", follow=True)
    assert page.status_code in (200, 401)
    assert "masthead" in page.content.decode()
    assert not User.objects.exists()


def test_without_a_server_nothing_of_it_is_shown(newcomer: Client, db: None) -> None:
    page = newcomer.get("/accounts/login/")
    assert page.status_code == 200 and "/oidc/" not in page.content.decode()
    assert newcomer.post("/accounts/oidc/sso/login/").status_code == 404


def test_the_environment_is_all_it_needs(tmp_path: Any) -> None:
    show = (
        "from django.conf import settings as s; "
        "a = s.SOCIALACCOUNT_PROVIDERS['openid_connect']['APPS'][0]; "
        "print(a['settings']['server_url'], a['client_id'], a['secret'], a['name'], "
        "s.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action'][1])"
    )
    environment = {
        "OIDC_SERVER": "https://id.example/realms/news",
        "OIDC_CLIENT_ID": "detector",
        "OIDC_CLIENT_SECRET": "s",
        "OIDC_NAME": "Newsroom",
    }
    shown = manage(tmp_path, "shell", "--no-imports", "-c", show, **environment)
    assert shown.stdout.split() == [
        "https://id.example/realms/news",
        "detector",
        "s",
        "Newsroom",
        "https://id.example",
    ], shown.stderr
