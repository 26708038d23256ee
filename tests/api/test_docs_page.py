"""The page that shows the API, in a real browser: nothing comes from elsewhere, and trying it works."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from tests.api.server import PASSWORD, Server
from tests.browser.chromium import FLAGS, find_chromium

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_it_is_whole_without_any_other_host(server: Server) -> None:
    asked: list[str] = []
    complaints: list[str] = []

    def only_here(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_() if route.request.url.startswith(server.url) else route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.route("**/*", only_here)
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        _sign_in(page, server)
        page.goto(f"{server.url}/api/v1/docs/")
        expect(page.locator("#operations-scans-order_scan")).to_be_visible()
        _try(page, "me")
        _cancel_what_is_not_there(page)
        browser.close()
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.url).netloc}
    assert [text for text in complaints if "404" not in text] == []


def _sign_in(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/accounts/login/?next=/tokens/")
    page.fill("#id_login", "program")
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("table tbody tr").first).to_contain_text("dfd_")


def _try(page: Page, name: str) -> None:
    place = page.locator(f"#operations-me-{name}")
    place.locator(".opblock-summary-control").click()
    place.get_by_role("button", name="Try it out").click()
    place.get_by_role("button", name="Execute").click()
    expect(place.locator(".live-responses-table .response").first).to_contain_text("program")


def _cancel_what_is_not_there(page: Page) -> None:
    """A POST from the page passes the check of forged requests: it gets as far as a 404."""
    place = page.locator("#operations-scans-cancel_scan")
    place.locator(".opblock-summary-control").click()
    place.get_by_role("button", name="Try it out").click()
    place.locator("input[placeholder=scan_id]").fill("00000000-0000-4000-8000-000000000000")
    place.get_by_role("button", name="Execute").click()
    expect(place.locator(".live-responses-table .response").first).to_contain_text("not_found")
