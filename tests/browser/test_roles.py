"""Each role of a team goes round its pages in a real Chromium: it is offered what it may do and nothing else.

`SCREENSHOTS=folder` keeps a picture of each page, at 1280 and at 360 pixels, in light and in dark.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect

from ml_app.models import Scan
from ml_app.services.tokens import create_token
from tests.browser.test_accessibility import _queries_beside_playwright, _site, examine, look
from tests.factories import ScanFactory, add_face, give_to_team
from tests.web.conftest import standard_models

__all__ = ["_queries_beside_playwright", "_site", "standard_models"]
pytestmark = [pytest.mark.browser, pytest.mark.layout]

EVERYBODY = ("viewer", "analyst", "reviewer", "administrator")
REVIEWS = ("reviewer", "administrator")


@pytest.fixture
def scan(transactional_db: None) -> Scan:
    """A finished scan, to be given to a team."""
    made: Scan = ScanFactory(done=True, video__original_name="speech.mp4", fake_probability=0.55)
    add_face(made, number=1, level=0.55, frames=6)
    return made


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_role_goes_round(browser: Browser, live_server: Any, scan: Scan, role: str) -> None:
    client = Client()
    people = give_to_team(scan)
    create_token(user=people["analyst"], scope="write", name="nightly")
    client.force_login(people[role])
    page = look(browser, live_server.url, client)
    complaints: list[str] = []

    page.goto("/")
    expect(page.locator("#id_team")).to_have_count(int(role != "viewer"))  # who gives to the team runs scans
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link", name="Review")).to_have_count(int(role in REVIEWS))
    complaints += examine(page, f"{role}-upload")

    page.goto(f"/scans/?whose={scan.team_id}")
    page.get_by_role("link", name="speech.mp4").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#case-title")).to_have_count(int(role in REVIEWS))
    complaints += examine(page, f"{role}-scan")

    page.goto(f"/teams/{scan.team_id}/")
    invites = page.get_by_role("button", name="Invite")
    expect(invites).to_have_count(int(role == "administrator"))
    expect(page.get_by_role("link", name="Settings")).to_have_count(int(role == "administrator"))
    expect(page.get_by_role("heading", name="Tokens of the members")).to_have_count(
        int(role == "administrator")
    )
    complaints += examine(page, f"{role}-team")

    if role in REVIEWS:
        page.goto("/review/")
        expect(page.locator(".queue .row-link")).to_have_count(1)
        complaints += examine(page, f"{role}-queue")
    page.context.close()
    assert not complaints, "\n".join(complaints)
