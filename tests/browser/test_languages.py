"""Every page in the languages that try a layout hardest: no text leaves its box, on a desk and on a phone.

`SCREENSHOTS=folder pytest tests/browser/test_languages.py` keeps a picture of each page as well;
`SCREENSHOTS_OF=ar,hi` of these languages alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Browser, Page, Route

from tests.browser.test_accessibility import _queries_beside_playwright, _site, keep, look, pages
from tests.web.conftest import TOKEN, standard_models, visitor

__all__ = ["_queries_beside_playwright", "_site", "pages", "standard_models"]
pytestmark = [pytest.mark.browser, pytest.mark.layout]

# The longest words and right to left on every page; the longest sentences, the tallest letters and the fewest
# spaces on those with the most words. What Spanish and Portuguese need is between English and French.
EVERYWHERE, ON_LONG_PAGES = ("de", "ar"), ("fr", "hi", "zh-hans")
LONG_PAGES = {
    *("upload", "history", "about", "models", "scan", "scan-failed", "scan-running", "batch", "login"),
    *("desk-team-page", "desk-team-settings", "desk-account", "desk-second-factors", "desk-audit", "desk"),
}
SIZES = ((360, 740), (1280, 800))
OVERFLOWS = (Path(__file__).parent / "overflows.js").read_text()


def test_no_text_leaves_its_box(
    browser: Browser, live_server: Any, pages: tuple[dict[str, str], AbstractBaseUser]
) -> None:
    addresses, account = pages
    owner, staff = visitor(TOKEN), Client()
    staff.force_login(account)  # type: ignore[arg-type]
    complaints = []
    for client in (owner, staff):
        page = look(browser, live_server.url, client)
        if "SCREENSHOTS" not in os.environ:
            page.route("**/*", _without_media)
        for language in (*EVERYWHERE, *ON_LONG_PAGES):
            speak(page, language, live_server.url)
            for name, url in addresses.items():
                if name.startswith("desk") is not (client is staff):
                    continue
                if language in EVERYWHERE or name in LONG_PAGES:
                    page.goto(url)
                    complaints += [
                        f"{language} {name} {line}" for line in overflows(page, f"{name}-{language}")
                    ]
        page.context.close()
    assert not complaints, "\n".join(complaints)


def speak(page: Page, language: str, address: str) -> None:
    page.context.add_cookies([{"name": "django_language", "value": language, "url": address}])


def overflows(page: Page, name: str) -> list[str]:
    found = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => document.querySelector('.languages details')?.setAttribute('open', '')")
        found += [f"at {width}: {line}" for line in page.evaluate(OVERFLOWS)]
        if os.environ.get("SCREENSHOTS_OF", "") in ("", name.rpartition("-")[2]):
            keep(page, f"{name}-{width}")
    return found


def _without_media(route: Route) -> None:
    """Layout needs no picture and no script: their places have their sizes."""
    if route.request.resource_type in ("document", "stylesheet"):
        route.continue_()
    else:
        route.abort()
