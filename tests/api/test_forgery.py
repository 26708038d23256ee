"""Requests that another site lets a browser send are refused; a token needs no such check."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ml_app.models import Scan
from tests.api.conftest import SCANS, problem, send
from tests.factories import UserFactory
from tests.media import Clips


def test_a_cookie_needs_the_forms_token(finished: Scan, user: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    for method, address in (
        ("POST", f"{SCANS}/{finished.pk}/rerun"),
        ("POST", f"{SCANS}/{finished.pk}/cancel"),
        ("DELETE", f"{SCANS}/{finished.pk}"),
        ("POST", SCANS),
        ("POST", "/upload"),
    ):
        problem(browser.generic(method, address), 403, "csrf_failed")
    assert browser.get("/api/v1/me").json()["username"] == user.username
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert browser.delete(f"{SCANS}/{finished.pk}", headers=token).status_code == 204


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, True),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_a_page_of_elsewhere_sends_nothing_without_cookies_either(
    nobody: Client, clips: Clips, headers: dict[str, str], allowed: bool
) -> None:
    response = send(nobody, clips("talk.mp4", seconds=1), headers=headers)
    if allowed:
        assert response.status_code == 202
    else:
        problem(response, 403, "csrf_failed")


def test_a_token_needs_none(ours: Client, clips: Clips) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    assert send(ours, clips("talk.mp4", seconds=1), headers=headers).status_code == 202


def test_an_account_that_is_closed_is_a_visitor(finished: Scan, user: User) -> None:
    browser = Client()
    browser.force_login(user)
    UserFactory()
    user.is_active = False
    user.save()
    problem(browser.get(f"{SCANS}/{finished.pk}"), 404, "not_found")
