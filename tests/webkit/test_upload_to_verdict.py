"""The way of one upload in WebKit, the engine of Safari, as Debian ships it: `make test-webkit`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import address
from tests.jobs.conftest import migrated, random_models, static_files
from tests.media import Clips
from tests.waiting import wait_for

if TYPE_CHECKING:
    from selenium.webdriver import WebKitGTK

__all__ = ["address", "migrated", "random_models", "static_files"]

pytestmark = [pytest.mark.webkit, pytest.mark.processes]

DRIVER = "WebKitWebDriver"
DESKTOP, NARROW = (1280, 880), (447, 800)  # MiniBrowser's window gets no narrower than that
PAGES = ("/", "/scans/", "/batches/", "/models/", "/about/", "/accounts/login/", "/reports/check/")


@pytest.fixture(scope="module")
def webkit() -> Iterator[WebKitGTK]:
    """MiniBrowser, WebKitGTK's own browser, on whichever screen `DISPLAY` names."""
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.options import Options
    from selenium.webdriver.webkitgtk.service import Service

    found = shutil.which(DRIVER)
    assert found, f"{DRIVER} is missing: `make test-webkit` installs it"
    options = Options()
    options.binary_location = str(next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")))
    options.add_argument("--automation")
    browser = webdriver.WebKitGTK(options=options, service=Service(found))
    yield browser
    browser.quit()


@pytest.fixture
def ask(webkit: WebKitGTK) -> Callable[[str], Any]:
    return lambda script: webkit.execute_script(f"return {script}")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_from_upload_to_verdict(
    webkit: WebKitGTK, ask: Callable[[str], Any], address: str, clips: Clips, size: tuple[int, int]
) -> None:
    webkit.set_window_size(*size)
    webkit.get(address)
    seconds = 3 if size == DESKTOP else 2  # not the same file: the site would offer what it found before
    clip = clips(f"people-{seconds}.mp4", seconds=seconds, people=2, size=(480, 270), fps=10)
    webkit.find_element("css selector", "input[type=file]").send_keys(str(clip))
    slider = webkit.find_element("css selector", "input[type=range]")
    slider.send_keys("\ue011")  # Home
    wait_for(lambda: slider.get_attribute("aria-valuetext") == "10 frames", "the slider follows the keyboard")
    webkit.find_element("xpath", "//main//button[normalize-space()='Analyse']").click()

    # The verdict comes without a reload by hand.
    wait_for(lambda: webkit.find_elements("css selector", ".verdict h1"), "the verdict", pause=0.5)
    assert len(webkit.find_elements("css selector", ".person")) == 2
    assert ask("document.documentElement.scrollWidth <= innerWidth")
    picture = webkit.find_element("css selector", ".thumb img")
    ask("document.querySelector('.thumb img').scrollIntoView()")
    wait_for(lambda: int(picture.get_property("naturalWidth") or 0), "thumbnails load")

    # The video plays, and a mark in the timeline moves it.
    wait_for(lambda: ask("document.getElementById('player').readyState >= 1"), "the video is read")
    assert ask("document.getElementById('player').error") is None
    mark = webkit.find_elements("css selector", "a.point")[4]
    time = float(mark.get_attribute("data-time") or "nan")
    click = "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    webkit.execute_script(click, mark)  # type: ignore[no-untyped-call]
    wait_for(
        lambda: abs(ask("document.getElementById('player').currentTime") - time) < 0.2, "the video moves"
    )
    wait_for(lambda: webkit.find_elements("css selector", ".boxes .box"), "boxes are drawn")


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_sticks_out(
    webkit: WebKitGTK, ask: Callable[[str], Any], address: str, page: str, size: tuple[int, int]
) -> None:
    webkit.set_window_size(*size)
    webkit.get(address + page)
    assert ask("document.querySelector('h1').textContent.trim()")
    assert ask("innerWidth") == size[0]
    assert ask("document.documentElement.scrollWidth") <= size[0]
