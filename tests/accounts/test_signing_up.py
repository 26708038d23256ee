"""Signing up: by invitation, or open by a setting; addresses are confirmed; a visitor keeps their scans."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from ml_app.models import Invitation, NoticeSettings, Scan
from tests.accounts.conftest import PASSWORD, sign_in
from tests.factories import UserFactory


def sign_up(client: Client, email: str = "ben@example.org", username: str = "ben") -> Any:
    data = {"email": email, "username": username, "password1": PASSWORD, "password2": PASSWORD}
    return client.post("/accounts/signup/", data)


def invite(staff: Client, email: str = "ben@example.org") -> str:
    """The address of an invitation, as the mail has it."""
    page = staff.post("/accounts/invitations/", {"email": email}).content.decode()
    found = re.search(r"http://testserver(/accounts/invitation/\S+/)", str(mail.outbox[-1].body))
    assert found and found[1] in page
    assert mail.outbox[-1].to == [email]
    return found[1]


def test_without_an_invitation_there_is_no_form(newcomer: Client, db: None) -> None:
    assert "by invitation" in newcomer.get("/accounts/signup/").content.decode()
    assert "by invitation" in newcomer.get("/accounts/login/").content.decode()
    sign_up(newcomer)
    assert not User.objects.exists()


def test_an_invitation_makes_one_account_with_its_address(staff: Client, newcomer: Client) -> None:
    link = invite(staff)
    assert Invitation.objects.get().digest not in link
    page = newcomer.get(link, follow=True).content.decode()
    assert 'value="ben@example.org"' in page
    refused = sign_up(newcomer, "eve@example.org").content.decode()
    assert "Your invitation is for ben@example.org" in refused
    assert sign_up(newcomer).status_code == 302
    assert newcomer.get("/accounts/").status_code == 200, "the link has confirmed the address"
    ben = User.objects.get(username="ben")
    assert EmailAddress.objects.get(user=ben).verified
    invitation = Invitation.objects.get()
    assert (invitation.accepted_by, invitation.is_usable) == (ben, False)
    late = Client()
    assert late.get(link).status_code == 404
    sign_up(late, username="bert")
    assert not User.objects.filter(username="bert").exists()


def test_two_browsers_with_one_invitation(staff: Client) -> None:
    link = invite(staff)
    first, second = Client(), Client()
    first.get(link)
    second.get(link)
    sign_up(first)
    sign_up(second, username="bert")
    assert list(User.objects.filter(is_staff=False).values_list("username", flat=True)) == ["ben"]


def test_withdrawn_and_expired(staff: Client, newcomer: Client) -> None:
    links = [invite(staff), invite(staff, "cleo@example.org")]
    withdrawn, expired = Invitation.objects.order_by("pk")
    assert staff.post(f"/accounts/invitations/{withdrawn.pk}/withdraw/").status_code == 302
    Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    for link in links:
        page = newcomer.get(link)
        assert page.status_code == 404
        assert "Ask whoever sent it" in page.content.decode()
    shown = staff.get("/accounts/invitations/").content.decode()
    assert "withdrawn" in shown and "expired" in shown
    assert staff.post("/accounts/invitations/", {"email": "no address"}).status_code == 422


def test_only_those_who_may_invite(db: None) -> None:
    client = Client()
    client.force_login(UserFactory(is_staff=True))  # staff, but without that right
    assert client.get("/accounts/invitations/").status_code == 404
    assert client.post("/accounts/invitations/", {"email": "a@example.org"}).status_code == 404
    assert not Invitation.objects.exists()


def test_a_mail_server_that_is_away(staff: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    page = staff.post("/accounts/invitations/", {"email": "ben@example.org"}).content.decode()
    assert "The mail server did not take the invitation" in page
    assert "/accounts/invitation/" in page


@pytest.fixture
def _open(settings: Any) -> None:
    settings.SIGNUP_OPEN = True


@pytest.mark.usefixtures("_open")
def test_open_sign_up_asks_for_a_confirmation(newcomer: Client, db: None) -> None:
    assert "Make an account" in newcomer.get("/accounts/login/").content.decode()
    assert sign_up(newcomer)["Location"] == "/accounts/confirm-email/"
    assert newcomer.get("/accounts/").status_code == 302, "not before the address is confirmed"
    assert sign_in(Client(), "ben")["Location"] == "/accounts/confirm-email/"
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert link
    newcomer.post(link[1])
    sign_in(newcomer, "ben")
    assert newcomer.get("/accounts/").status_code == 200


@pytest.mark.usefixtures("_open")
def test_a_visitor_keeps_their_scans(owner: Client, done: Scan) -> None:
    sign_up(owner)
    done.refresh_from_db()
    assert done.owner.startswith("visitor:"), "they may not be who they say"
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert link
    owner.post(link[1])
    sign_in(owner, "ben")
    done.refresh_from_db()
    assert done.owner == f"user:{User.objects.get(username='ben').pk}"
    assert "speech.mp4" in owner.get("/scans/").content.decode()


def test_by_invitation_as_well(owner: Client, staff: Client, done: Scan) -> None:
    owner.get(invite(staff))
    sign_up(owner)
    done.refresh_from_db()
    assert done.owner == f"user:{User.objects.get(username='ben').pk}"


def test_an_invitation_speaks_the_language_of_whoever_gets_it(staff: Client) -> None:
    """As far as it is known: whoever has no account is asked in the language of the one who invites."""
    told = UserFactory(email="Anna@example.org")
    NoticeSettings.objects.create(user=told, language="de")
    for email, language, word in (
        ("anna@example.org", "en", "Einladung"),
        ("new@example.org", "en", "invitation"),
        ("newer@example.org", "de", "Einladung"),
    ):
        staff.post("/accounts/invitations/", {"email": email}, headers={"Accept-Language": language})
        assert word in str(mail.outbox[-1].subject)
