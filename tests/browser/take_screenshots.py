"""Take the README's screenshots from a running site, with the public-domain astronaut only.

.venv/bin/python -m tests.browser.take_screenshots http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.media import make_clip

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
WAIT = 300_000  # milliseconds for a scan


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the README's screenshots from a running site.")
    parser.add_argument("address", help="such as http://127.0.0.1:8000")
    address = parser.parse_args().address
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "two-astronauts.mp4", seconds=8, people=2, size=(960, 540))
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = chromium.new_page(
            base_url=address, viewport={"width": 1280, "height": 760}, color_scheme="light"
        )
        take(page, clip)
        chromium.close()


def take(page: Page, clip: Path) -> None:
    """Upload a clip, and keep a picture of the upload page and one of the finding."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.goto("/")
    page.screenshot(path=FOLDER / "upload.png")
    page.locator("input[type=file]").set_input_files(clip)
    page.get_by_role("button", name="Analyse").click()
    page.wait_for_url(re.compile("/(scans|videos)/[0-9a-f-]{36}/"))
    expect(page.locator(".verdict h1")).to_be_visible(timeout=WAIT)
    page.wait_for_function("() => document.getElementById('player').readyState >= 2")
    page.wait_for_timeout(1000)  # the player's own spinner
    page.set_viewport_size({"width": 1280, "height": 1120})
    page.screenshot(path=FOLDER / "scan.png")


if __name__ == "__main__":
    main()
