"""Every page in both colour schemes: axe-core finds nothing serious, and nothing sticks out on a phone.

`SCREENSHOTS=folder pytest tests/browser/test_accessibility.py` keeps a picture of each page as well, at 1280
and at 360 pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from tests.browser.every_page import every_page
from tests.browser.test_upload_to_verdict import fits
from tests.media import Clips
from tests.web.conftest import TOKEN, standard_models, visitor

__all__ = ["standard_models"]
pytestmark = [pytest.mark.browser, pytest.mark.layout]

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe-core" / "axe.min.js"
Scheme = Literal["light", "dark"]
# Links and buttons fade from one scheme to the other; what goes round for ever has no end to be brought to.
COLOURS_HAVE_CHANGED = """() => document.getAnimations()
    .filter(one => Number.isFinite(one.effect.getComputedTiming().endTime)).forEach(one => one.finish())"""
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


@pytest.fixture(scope="module", autouse=True)
def _queries_beside_playwright() -> Iterator[None]:
    """Playwright runs a loop in this thread, within which Django would not query the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(autouse=True)
def _site(settings: Any, tmp_path: Path, standard_models: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MODELS_DIR = standard_models
    settings.DETECTOR = "standard"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def pages(transactional_db: None, clips: Clips) -> tuple[dict[str, str], AbstractBaseUser]:
    """Addresses of every page with something to show, by name; and an account that sees the desk."""
    return every_page(clips)


def look(browser: Browser, address: str, client: Client, locale: str = "en") -> Page:
    """A page of a browser that is whoever the client is."""
    # The policy of the site lets no script in from outside, so it is set aside for axe-core.
    context = browser.new_context(base_url=address, locale=locale, bypass_csp=True)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    return context.new_page()


def serious(page: Page, *rules: str) -> list[str]:
    """What axe-core finds that is serious or critical, with where it is; by these of its rules, or by all."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=AXE)
    how: dict[str, Any] = {"resultTypes": ["violations"]} | (
        {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    )
    found = page.evaluate("async how => (await axe.run(how)).violations", how)
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def examine(page: Page, name: str) -> list[str]:
    """What is wrong with a page, on a desk and on a phone, in light and in dark.

    Only its colours depend on the scheme, so in dark axe-core looks at nothing else.
    """
    complaints = []
    for width, height in ((1280, 800), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.evaluate(COLOURS_HAVE_CHANGED)
            found = serious(page) if scheme == "light" else serious(page, "color-contrast")
            complaints += [f"{name} at {width}, {scheme}: {line}" for line in found]
            if not fits(page):
                complaints.append(f"{name} is wider than {width} pixels in {scheme}")
            keep(page, f"{name}-{width}-{scheme}")
    return complaints


def test_every_page(
    browser: Browser,
    live_server: Any,
    pages: tuple[dict[str, str], AbstractBaseUser],
) -> None:
    addresses, account = pages
    owner, staff = visitor(TOKEN), Client()
    staff.force_login(account)  # type: ignore[arg-type]
    complaints = []
    for client in (owner, staff):
        page = look(browser, live_server.url, client)
        for name, url in addresses.items():
            if name.startswith("desk") is not (client is staff):
                continue
            page.goto(url)
            complaints += examine(page, name)
        page.context.close()
    assert not complaints, "\n".join(complaints)


def test_pages_that_something_leads_to(
    browser: Browser,
    live_server: Any,
    pages: tuple[dict[str, str], AbstractBaseUser],
    settings: Any,
) -> None:
    settings.ROOT_URLCONF = "tests.browser.urls"
    settings.AXES_FAILURE_LIMIT = 2
    addresses, account = pages
    staff = Client()
    staff.force_login(account)  # type: ignore[arg-type]
    page = look(browser, live_server.url, staff)
    page.goto("/broken/")
    complaints = examine(page, "server-error")
    page.goto(addresses["desk"] + "?q=speech")
    complaints += examine(page, "desk-search")
    page.goto("/")
    page.get_by_text("Record with the camera").click()
    complaints += examine(page, "upload-camera")
    page.goto(addresses["desk"] + "?q=nothing-like-it")
    complaints += examine(page, "desk-empty")
    page.goto(addresses["desk"])
    page.locator("#result_list .action-select").first.check()
    page.get_by_label("Action:").select_option("purge")
    page.locator(".actions button[name=index]").click()
    expect(page.get_by_role("button", name="Purge media")).to_be_visible()
    complaints += examine(page, "purge")
    page.context.clear_cookies()
    page.goto("/scans/")
    complaints += examine(page, "history-empty")
    complaints += _login(page)
    page.context.close()
    assert not complaints, "\n".join(complaints)


def _login(page: Page) -> list[str]:
    """The form, a wrong password, a form without its cookie, and the address locked out."""
    complaints = []
    page.goto("/admin/")
    complaints += examine(page, "login")

    def send() -> None:
        page.locator("#id_login").fill("somebody")
        page.locator("#id_password").fill("wrong")
        page.get_by_role("button", name="Sign in", exact=True).click()

    send()
    expect(page.locator(".error")).to_be_visible()
    complaints += examine(page, "login-wrong")
    page.context.clear_cookies(name="csrftoken")
    send()
    expect(page.locator(".eyebrow")).to_have_text("403")
    complaints += examine(page, "expired-form")
    page.goto("/admin/")
    send()
    expect(page.locator(".eyebrow")).to_have_text("429")
    return complaints + examine(page, "locked-out")


def test_german_fits_on_a_phone(
    browser: Browser, live_server: Any, pages: tuple[dict[str, str], AbstractBaseUser]
) -> None:
    owner = visitor(TOKEN)
    page = look(browser, live_server.url, owner, locale="de-DE")
    page.set_viewport_size({"width": 360, "height": 740})
    for name in (
        "login",
        "password-reset",
        "upload",
        "history",
        "about",
        "models",
        "scan",
        "scan-running",
        "scan-failed",
        "delete",
    ):
        page.goto(pages[0][name])
        assert page.locator("html").get_attribute("lang") == "de"
        assert fits(page), f"{name} is wider than a phone in German"
        keep(page, f"{name}-360-german")
    page.locator(".languages summary").press("Enter")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.endswith(pages[0]["delete"])
    page.context.close()
