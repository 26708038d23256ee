"""Take the README's screenshots, with the public-domain astronaut only and the weights that ship.

.venv/bin/python -m tests.browser.take_screenshots

It starts a site of its own in a temporary folder, lets it analyse three clips, and leaves nothing running.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")
django.setup()  # the tests' parts that start a site import models

from tests.browser.chromium import FLAGS, find_chromium  # noqa: E402
from tests.browser.conftest import PASSWORD, REVIEWER, start  # noqa: E402
from tests.jobs.site import ROOT, Site  # noqa: E402
from tests.media import make_clip  # noqa: E402

FOLDER = ROOT / "docs" / "screenshots"
WAIT = 300_000  # milliseconds for a scan
MOST_BYTES = 300_000  # of a picture
WIDTH = 1280


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the README's screenshots from a site of its own.")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where to put them (default: %(default)s)"
    )
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        running(Path(temporary)) as address,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        take(chromium, address, Path(temporary), folder)
        chromium.close()


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A site with the weights that ship and a reviewer's account. Its address."""
    site = Site(folder, ROOT / "models", DETECTOR="standard", DEVICE="cpu")
    site.migrate()
    process, address = start(site)
    try:
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        site.close()


def take(chromium: Browser, address: str, temporary: Path, folder: Path) -> None:
    """Analyse clips of one and of two people, and keep a picture of every page that the README shows."""
    visitor = chromium.new_context(base_url=address, color_scheme="light").new_page()
    for name, people, size, frames in (
        ("interview.mp4", 1, (640, 360), 20),
        ("street.mp4", 1, (854, 480), 40),
        ("two-astronauts.mp4", 2, (960, 540), 40),
    ):
        clip = make_clip(temporary / name, seconds=8, people=people, size=size)
        analyse(visitor, clip, frames)
    visitor.wait_for_function("() => document.getElementById('player').readyState >= 2")
    visitor.wait_for_timeout(1000)  # the player's own spinner
    keep(visitor, folder / "scan.png", height=1440)
    visitor.goto("/")
    keep(visitor, folder / "upload.png", height=980)
    visitor.goto("/scans/")
    keep(visitor, folder / "history.png", height=700)
    visitor.goto("/models/")
    keep(visitor, folder / "models.png", height=1120, top=visitor.locator(".model h3"))
    desk = chromium.new_context(base_url=address, color_scheme="light").new_page()
    decide(desk, "interview.mp4")
    keep(desk, folder / "desk.png", height=900)


def analyse(page: Page, clip: Path, frames: int) -> None:
    """Upload a clip and wait for its finding."""
    page.goto("/")
    page.locator("input[type=file]").set_input_files(clip)
    slider = page.get_by_role("slider", name="How many frames to look at")
    while slider.get_attribute("aria-valuetext") != f"{frames} frames":
        slider.press("ArrowLeft")
    page.get_by_role("button", name="Analyse", exact=True).click()
    page.wait_for_url(re.compile("/scans/[0-9a-f-]{36}/"))
    expect(page.locator(".verdict h1")).to_be_visible(timeout=WAIT)


def decide(page: Page, name: str) -> None:
    """Log in at the review desk, confirm one clip as genuine, and end at the list."""
    page.goto("/admin/ml_app/scan/")
    page.get_by_label("Name or e-mail address").fill(REVIEWER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator(".field-name").get_by_role("link", name=name).click()
    page.get_by_label("decision", exact=True).first.select_option("confirmed_genuine")
    page.get_by_label("note", exact=True).first.fill("Made for this picture from a public-domain photograph")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#result_list")).to_contain_text("Confirmed genuine")


def keep(page: Page, path: Path, height: int, top: Locator | None = None) -> None:
    """A picture of a page from its beginning, or from `top` on; in 256 colours if it would be too large."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.evaluate("() => { scrollTo(0, 0); document.activeElement?.blur(); }")
    if top is not None:
        top.evaluate("element => scrollTo(0, element.getBoundingClientRect().top - 24)")
    page.wait_for_timeout(300)
    png = page.screenshot()
    if len(png) > MOST_BYTES:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
        png = buffer.getvalue()
    if len(png) > MOST_BYTES:
        raise SystemExit(f"{path.name} has {len(png)} bytes; at most {MOST_BYTES} are wanted")
    path.write_bytes(png)
    print(f"{path}: {len(png) // 1024} KB")  # noqa: T201


if __name__ == "__main__":
    main()
