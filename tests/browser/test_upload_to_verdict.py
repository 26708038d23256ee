"""The way of one upload in a real browser, against a real server and a real worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FileChooser, Page, ViewportSize, expect

from tests.browser.conftest import PASSWORD, REVIEWER
from tests.media import Clips, make_clip
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
ANALYSIS = 90_000  # milliseconds that a scan may take on a busy machine

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def complaints() -> list[str]:
    """What pages said on the console: scripts that failed, resources that the policy blocked."""
    return []


@pytest.fixture
def new_context(browser: Browser, address: str, complaints: list[str]) -> Iterator[NewContext]:
    contexts: list[BrowserContext] = []

    def make(viewport: ViewportSize = DESKTOP, **options: bool) -> BrowserContext:
        context = browser.new_context(base_url=address, viewport=viewport, **options)  # type: ignore[arg-type]
        context.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def fits(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def upload(page: Page, path: Path) -> None:
    page.goto("/")
    page.get_by_label(re.compile("Drop a video or a picture here")).set_input_files(path)
    slider = page.get_by_role("slider", name="How many frames to look at")
    # What is usual, of those that the detector was made for: those that ship have all, the one here 20.
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^[24]0 frames$"))
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "10 frames")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "20 frames")
    expect(page.locator("output")).to_have_text("20 frames")
    assert fits(page)
    page.get_by_role("button", name="Analyse", exact=True).click()


def review(page: Page, name: str) -> None:
    """Log in at the desk, find the newest scan of a file by its name, and confirm it as genuine."""
    page.goto("/admin/")
    page.get_by_label("Name or e-mail address").fill(REVIEWER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Scans", exact=True).click()
    page.locator("#searchbar").fill(name)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#result_list .field-picture img").first).to_be_visible()
    page.locator("#result_list .field-name a").first.click()
    expect(page.locator(".desk .plot")).to_have_count(2)
    page.get_by_label("decision", exact=True).first.select_option("confirmed_genuine")
    page.get_by_label("note", exact=True).first.fill("Compared with the original")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#result_list .field-reviewed").first).to_have_text("Confirmed genuine")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_from_upload_to_deletion(
    new_context: NewContext, clips: Clips, complaints: list[str], viewport: ViewportSize
) -> None:
    clip = clips("people.mp4", seconds=3, people=2, size=(480, 270), fps=10)
    page = new_context(viewport).new_page()
    upload(page, clip)

    # The stages go by without a reload by hand.
    page.wait_for_url(re.compile(r"/scans/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("The video is being analysed")
    expect(page.locator(".stage")).to_have_count(4)
    # A clip this small may be done before the page asks for the first time which stage is at work.
    expect(page.locator("[aria-current=step], .verdict h1").first).to_be_visible(timeout=ANALYSIS)
    assert fits(page)
    verdict = page.locator(".verdict h1")
    expect(verdict).to_be_visible(timeout=ANALYSIS)
    expect(verdict).to_have_text(re.compile("evidence of manipulation|Uncertain|judged", re.IGNORECASE))
    assert fits(page)
    scan_url = page.url

    # Each person has a lane, a card and thumbnails that load.
    expect(page.locator(".plot")).to_have_count(2)
    expect(page.locator(".person")).to_have_count(2)
    picture = page.locator(".thumb img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.thumb img').naturalWidth > 0")
    heat = page.locator(".person").first.locator(".heat").first
    expect(heat).to_be_hidden()
    page.get_by_label("Show where in the face the score comes from").first.check()
    expect(heat).to_be_visible()

    # The video plays and a mark moves it.
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    mark = page.locator("a.point").nth(12)
    mark.focus()
    mark.press("Enter")
    time = float(mark.get_attribute("data-time") or "nan")
    page.wait_for_function(
        "([video, time]) => !video.seeking && Math.abs(video.currentTime - time) < 0.2",
        arg=[page.locator("#player").element_handle(), time],
    )
    expect(page.locator(".boxes .box")).not_to_have_count(0)
    expect(page.locator(".boxes .box text").first).to_contain_text("Person")
    boxes = page.get_by_label("Draw boxes around the faces")
    boxes.uncheck()
    expect(page.locator(".boxes .box")).to_have_count(0)
    boxes.check()
    mark.focus()
    mark.press("ArrowRight")
    expect(page.locator("a.point").nth(13)).to_be_focused()

    # The same file again is recognised.
    upload(page, clip)
    expect(page.get_by_role("heading", level=1)).to_have_text("You have analysed this file before")
    assert fits(page)

    page.get_by_role("link", name="My scans").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator(".row")).to_contain_text("people.mp4")
    assert fits(page)
    page.locator(".row a").click()
    expect(page).to_have_url(scan_url)
    assert complaints == []

    # A reviewer decides, and the visitor reads it beside the verdict.
    review(new_context(viewport).new_page(), "people.mp4")
    page.reload()
    expect(page.locator(".review-decision")).to_have_text("Confirmed genuine")
    expect(verdict).to_be_visible()
    assert fits(page)
    assert complaints == []

    # Somebody else's browser finds nothing.
    stranger = new_context(viewport).new_page()
    for url in (scan_url, f"{scan_url}video"):
        response = stranger.goto(url)
        assert response is not None
        assert response.status == 404
    assert fits(stranger)
    complaints.clear()

    page.get_by_role("link", name="Delete the video and all its scans").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("were deleted")
    expect(page.locator(".row")).to_have_count(0)
    assert complaints == []


def test_an_example_before_anything_is_uploaded(new_context: NewContext, complaints: list[str]) -> None:
    page = new_context(PHONE).new_page()
    page.goto("/scans/")
    expect(page.get_by_role("heading", name="Three things to know")).to_be_visible()
    page.get_by_role("link", name="Look at an example").click()
    expect(page.get_by_role("note")).to_contain_text("These two people do not exist")
    expect(page.locator(".verdict h1")).to_be_visible(timeout=ANALYSIS)
    expect(page.locator(".person")).to_have_count(2)
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    assert fits(page)
    stranger = new_context().new_page()
    stranger.goto("/example/")  # is there at once
    expect(stranger.locator(".verdict h1")).to_be_visible()
    stranger.goto("/")
    stranger.get_by_role("link", name="Do not show this again").click()
    expect(stranger.get_by_role("heading", name="Analyse a video")).to_be_visible()
    expect(stranger.locator(".tour")).to_have_count(0)
    assert complaints == []


def test_without_javascript(new_context: NewContext, clips: Clips) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/")
    page.locator("input[type=file]").set_input_files(clips("plain.mp4", seconds=2, fps=10))
    page.get_by_label("20", exact=True).check()
    page.get_by_role("button", name="Analyse", exact=True).click()
    expect(page.locator(".verdict h1")).to_be_visible(timeout=ANALYSIS)
    expect(page.locator(".covered")).to_contain_text("20")


def test_limits_bite_before_the_upload_and_errors_stand_at_the_field(
    new_context: NewContext, tmp_path: Path, complaints: list[str]
) -> None:
    large, text = tmp_path / "large.mp4", tmp_path / "text.mp4"
    large.write_bytes(bytes(4 * 1024**2))
    text.write_bytes(b"this is no video " * 100)
    page = new_context().new_page()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.goto("/")
    field, errors = page.locator("input[type=file]"), page.locator("#video-errors")
    page.get_by_role("button", name="Analyse", exact=True).click()
    expect(errors).to_have_text("Choose a video first.")
    field.set_input_files(large)
    expect(errors).to_contain_text("larger than the 3 MB that are allowed")
    page.get_by_role("button", name="Analyse", exact=True).click()
    page.wait_for_timeout(300)
    assert posts == []
    field.set_input_files(text)
    page.get_by_role("button", name="Analyse", exact=True).click()
    expect(errors).to_contain_text("This is neither a video nor a picture")
    expect(page.get_by_role("button", name="Analyse", exact=True)).to_be_enabled()
    # Chromium itself reports the refused request; nothing else may be said.
    assert [line for line in complaints if "422" not in line] == []


def test_cancelling(new_context: NewContext, clips: Clips, complaints: list[str]) -> None:
    page = new_context(PHONE).new_page()
    upload(page, clips("cancel.mp4", seconds=20, people=2, size=(640, 360), fps=10))
    page.get_by_role("button", name="Cancel the scan").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This scan was cancelled", timeout=ANALYSIS)
    expect(page.get_by_role("button", name="Scan again")).to_be_visible()
    assert complaints == []


def test_several_files_at_once(
    new_context: NewContext, clips: Clips, tmp_path: Path, complaints: list[str]
) -> None:
    text = tmp_path / "text.mp4"
    text.write_bytes(b"this is no video " * 100)
    page = new_context(PHONE).new_page()
    page.goto("/")
    paths = [clips("first.mp4", seconds=1, fps=10), text, clips("second.mp4", seconds=2, fps=10)]
    page.get_by_label(re.compile("Drop a video or a picture here")).set_input_files(paths)
    expect(page.locator(".drop-name")).to_contain_text("Files: 3, together")
    page.get_by_role("button", name="Analyse", exact=True).click()
    rows = page.locator(".queued")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("This is neither a video nor a picture", timeout=ANALYSIS)
    expect(page.get_by_role("link", name="Open the scan of second.mp4")).to_be_visible(timeout=ANALYSIS)
    expect(page.locator("[data-announce]")).to_have_text("Files being analysed: 2 of 3.")
    assert fits(page)
    page.get_by_role("link", name="Open the scan of first.mp4").click()
    expect(page.locator(".verdict h1")).to_be_visible(timeout=ANALYSIS)
    page.get_by_role("link", name="My scans").click()
    expect(page.locator(".row")).to_have_count(2)
    assert [line for line in complaints if "422" not in line] == []


def test_with_the_keyboard_alone(new_context: NewContext, clips: Clips, complaints: list[str]) -> None:
    page = new_context().new_page()
    choosers: list[FileChooser] = []
    # From the beginning: asked for at the moment of the key, the browser may show its own dialog instead.
    page.on("filechooser", lambda chooser: choosers.append(chooser))  # noqa: PLW0108 - a bound method is refused
    page.goto("/")
    keys = page.keyboard
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
    keys.press("Tab")
    field = page.locator("input[type=file]")
    expect(field).to_be_focused()
    keys.press("Space")
    # Playwright hears of it only while it is waited for.
    wait_for(lambda: page.wait_for_timeout(50) or choosers, "the dialog for files opens", pause=0)
    choosers[0].set_files(clips("keys.mp4", seconds=2, fps=10))
    keys.press("Tab")
    expect(page.locator(".camera summary")).to_be_focused()
    keys.press("Tab")
    slider = page.get_by_role("slider", name="How many frames to look at")
    expect(slider).to_be_focused()
    keys.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "10 frames")
    keys.press("Tab")  # how the figures were measured
    keys.press("Tab")
    expect(page.locator("[name=detector]:checked")).to_be_focused()
    for _beyond in ("what each is worth", "ask as well", "the other as well", "the button"):
        keys.press("Tab")
    expect(page.get_by_role("button", name="Analyse", exact=True)).to_be_focused()
    keys.press("Enter")
    expect(page.locator(".verdict h1")).to_be_visible(timeout=ANALYSIS)

    # One stop for each person's lane; arrows walk along it, Enter moves the video.
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    page.locator("a.point[tabindex='0']").focus()
    keys.press("Home")
    keys.press("ArrowRight")
    second = page.locator("a.point").nth(1)
    expect(second).to_be_focused()
    keys.press("Enter")
    page.wait_for_function(
        "time => Math.abs(document.getElementById('player').currentTime - time) < 0.2",
        arg=float(second.get_attribute("data-time") or "nan"),
    )
    keys.press("Tab")
    expect(page.locator(".numbers summary")).to_be_focused()
    keys.press("Enter")
    expect(page.locator(".numbers table")).to_be_visible()
    assert complaints == []


def test_a_format_that_no_browser_plays(
    new_context: NewContext, tmp_path: Path, complaints: list[str]
) -> None:
    page = new_context(PHONE).new_page()
    upload(page, make_clip(tmp_path / "old.avi", seconds=2, people=2, size=(480, 270), fps=10))
    expect(page.locator(".verdict h1")).to_be_visible(timeout=ANALYSIS)
    expect(page.get_by_text("This browser cannot play the format")).to_be_visible()
    stills = page.locator("[data-stills] figure")
    expect(stills).not_to_have_count(0)
    expect(page.locator("#player")).to_be_hidden()
    mark = page.locator("a.point").nth(3)
    mark.focus()
    mark.press("Enter")
    time = mark.get_attribute("aria-label") or ""
    expect(stills.first).to_contain_text(f"at {time.split(',')[0]}")
    assert fits(page)
    assert complaints == []
