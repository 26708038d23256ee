"""Accounts in a real Chromium: a passkey, an authenticator app, single sign-on under the site's policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ml_app.accounts.first import first_code
from ml_app.accounts.invitations import invite
from tests.accounts.conftest import PASSWORD, make_user
from tests.accounts.test_signing_in import code_of
from tests.accounts.test_single_sign_on import server_for
from tests.browser.test_accessibility import _queries_beside_playwright, examine
from tests.web.conftest import _site, standard_models

__all__ = ["_queries_beside_playwright", "_site", "standard_models"]
pytestmark = pytest.mark.browser


@pytest.fixture
def root(transactional_db: None) -> User:
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def context(browser: Browser, live_server: Any) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=live_server.url)
    yield context
    context.close()


def sign_in(page: Page, name: str = "root") -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Name or e-mail address").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def confirm(page: Page) -> None:
    """Give the password once more, as whatever changes the account's protection asks."""
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def test_a_passkey_signs_in(context: BrowserContext, root: User) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page)
    page.goto("/accounts/2fa/webauthn/add/")
    confirm(page)
    page.get_by_label("Name").fill("This phone")
    page.locator("#id_passwordless").check()
    page.locator("#mfa_webauthn_add").click()
    expect(page.get_by_text("recovery codes").first).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_text("This phone")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/accounts/login/?next=/accounts/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Account of root")).to_be_visible()
    assert complaints == []


def test_an_app_and_its_pages(browser: Browser, live_server: Any, root: User, settings: Any) -> None:
    context = browser.new_context(base_url=live_server.url, bypass_csp=True)
    page = context.new_page()
    page.goto(f"/accounts/invitation/{invite(email='ben@example.org', by=root)[1]}/")
    complaints = examine(page, "signup-invited")
    sign_in(page)
    page.goto("/accounts/2fa/totp/activate/")
    complaints += examine(page, "confirm-access")
    confirm(page)
    complaints += examine(page, "add-app")
    page.get_by_label("Authenticator code").fill(code_of(page.locator("#authenticator_secret").input_value()))
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("recovery codes").first).to_be_visible()
    complaints += examine(page, "recovery-codes")
    page.goto("/accounts/2fa/")
    complaints += examine(page, "second-factors")
    page.goto("/accounts/2fa/webauthn/add/")
    complaints += examine(page, "add-passkey")
    page.goto("/accounts/invitations/")
    page.get_by_label("E-mail address").fill("cleo@example.org")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("was sent to cleo@example.org")).to_be_visible()
    complaints += examine(page, "invited")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    complaints += examine(page, "second-factor")
    context.close()
    assert not complaints, "\n".join(complaints)


def test_the_first_start(browser: Browser, live_server: Any, db: None, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    context = browser.new_context(base_url=live_server.url, bypass_csp=True)
    page = context.new_page()
    page.goto("/accounts/login/")
    complaints = examine(page, "login-first-start")
    page.goto(f"/accounts/first/?code={first_code()}")
    complaints += examine(page, "first-start")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", name="Account of root")).to_be_visible()
    context.close()
    assert not complaints, "\n".join(complaints)


def test_take_the_data_along_and_leave(browser: Browser, live_server: Any, transactional_db: None) -> None:
    make_user()
    context = browser.new_context(base_url=live_server.url, bypass_csp=True)
    page = context.new_page()
    sign_in(page, "anna")
    page.goto("/accounts/")
    page.get_by_role("link", name="Delete the account").click()
    confirm(page)
    expect(page.get_by_role("heading", name="Delete the account of anna?")).to_be_visible()
    complaints = examine(page, "delete-account")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download your data first").click()
    assert "account.json" in ZipFile(download.value.path()).namelist()
    page.get_by_role("button", name="Delete the account").click()
    expect(page.get_by_text("Your account and all that belonged to it were deleted.")).to_be_visible()
    context.close()
    assert not complaints, "\n".join(complaints)
    assert not User.objects.exists()


def test_single_sign_on_under_the_policy(context: BrowserContext, db: None, settings: Any) -> None:
    with server_for(settings) as server:
        policy = settings.CONTENT_SECURITY_POLICY
        directives = policy["DIRECTIVES"] | {"form-action": ["'self'", server]}
        settings.CONTENT_SECURITY_POLICY = {**policy, "DIRECTIVES": directives}
        page = context.new_page()
        page.goto("/accounts/login/?next=/accounts/")
        page.get_by_role("button", name="Sign in with The newsroom").click()
        expect(page.get_by_role("heading", name="Authorize Client")).to_be_visible()
        page.get_by_role("button", name="anna-7").click()
        expect(page.get_by_role("heading", name="Account of anna")).to_be_visible()


def test_german_pages_fit(browser: Browser, live_server: Any, root: User, tmp_path: Path) -> None:
    context = browser.new_context(
        base_url=live_server.url, locale="de-DE", viewport={"width": 360, "height": 740}
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Name oder E-Mail-Adresse").fill("root")
    page.get_by_label("Passwort", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Anmelden", exact=True).click()
    for url in (
        "/accounts/",
        "/accounts/2fa/",
        "/accounts/sessions/",
        "/accounts/invitations/",
        "/accounts/delete/",
    ):
        page.goto(url)
        if "/reauthenticate/" in page.url:
            page.get_by_label("Passwort", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Bestätigen").click()
            expect(page.get_by_role("heading", name="Das Konto von root löschen?")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), url
    context.close()
