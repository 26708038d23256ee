"""The review desk in a real Chromium: by keys alone, and on a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect

from ml_app.models import Review, ReviewCase, Scan
from tests.browser.test_accessibility import _queries_beside_playwright, _site, examine, look
from tests.factories import MembershipFactory, ScanFactory, UserFactory, add_face
from tests.web.conftest import standard_models

__all__ = ["_queries_beside_playwright", "_site", "standard_models"]
pytestmark = pytest.mark.browser


@pytest.fixture
def desk(transactional_db: None) -> Client:
    """Somebody who reviews, and two scans that wait."""
    for name, probability in (("sure.mp4", 0.99), ("doubtful.mp4", 0.55)):
        scan = ScanFactory(done=True, video__original_name=name, fake_probability=probability)
        add_face(scan, number=1, level=probability, frames=4)
    client = Client()
    client.force_login(UserFactory(username="anna", is_staff=True, is_superuser=True))
    return client


def _reviewer_of_a_team() -> Client:
    """Somebody who reviews for the team that all scans were given to."""
    member = MembershipFactory(role="reviewer", team__name="Politics and investigations")
    Scan.objects.update(team=member.team)
    ReviewCase.objects.update(team=member.team)
    client = Client()
    client.force_login(member.user)
    return client


def test_a_decision_by_keys_alone(browser: Browser, live_server: Any, desk: Client) -> None:
    page = look(browser, live_server.url, desk)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto("/review/?verdict=fake")
    rows = page.locator(".queue .row-link")
    expect(rows).to_have_count(2)
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    expect(rows.nth(0)).to_contain_text("doubtful.mp4")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page.locator("#case-title")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_label("Note, for reviewers")).to_be_focused()
    page.keyboard.type("djokun: what is typed is no command")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("d")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/review/\?verdict=fake$"))
    expect(page.get_by_role("status").first).to_contain_text("was recorded")
    expect(rows).to_have_count(1)
    review = Review.objects.get()
    assert (review.decision, review.note) == ("confirmed_fake", "djokun: what is typed is no command")
    assert not complaints
    page.context.close()


def test_the_queue_is_left_and_found_again(browser: Browser, live_server: Any, desk: Client) -> None:
    page = look(browser, live_server.url, desk)
    page.goto("/review/?order=oldest")
    page.locator(".queue .row-link").first.click()
    expect(page.locator("#case-title")).to_be_visible()
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(r"/review/\?order=oldest$"))
    page.context.close()


@pytest.mark.layout
@pytest.mark.parametrize("of_a_team", [False, True])
def test_its_pages_are_for_everybody(
    browser: Browser, live_server: Any, desk: Client, of_a_team: bool
) -> None:
    """For staff and for a team's reviewer."""
    desk = _reviewer_of_a_team() if of_a_team else desk
    page = look(browser, live_server.url, desk)
    complaints: list[str] = []
    page.goto("/review/?verdict=fake")
    page.get_by_label("Keep this filter as").fill("Accused")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Accused")).to_be_visible()
    complaints += examine(page, "review-queue")
    page.locator(".queue .row-link").first.click()
    page.get_by_label("Moment that shows it").fill("soon")
    page.get_by_role("button", name="Record the decision").click()
    complaints += examine(page, "review-case")
    page.get_by_label("Manipulated", exact=True).check()
    page.get_by_label("Moment that shows it").fill("0:01")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.locator(".queue .row-link")).to_have_count(1)
    page.goto("/review/figures/")
    complaints += examine(page, "review-figures")
    page.goto("/review/?verdict=real")
    complaints += examine(page, "review-empty")
    assert not complaints, "\n".join(complaints)
    page.context.close()
