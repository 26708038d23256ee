"""The camera and the installed site in a browser: a recording, a refusal, a shared file, no connection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.test_upload_to_verdict import ANALYSIS, PHONE, NewContext, complaints, fits, new_context
from tests.media import picture

__all__ = ["complaints", "new_context"]
pytestmark = pytest.mark.browser

SLOW = 60_000  # milliseconds that a browser may take on a busy machine


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera sees: the tests' face, as a stream of JPEGs."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(picture(number / 10, (640, 480)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def browser(seen: Path) -> Iterator[Browser]:
    flags = [*FLAGS, "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={seen}"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield chromium
        chromium.close()


def opened(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/")
    page.get_by_text("Record with the camera").click()
    page.get_by_role("button", name="Turn the camera on").click()
    return page


def test_some_seconds_of_the_camera_become_a_scan(new_context: NewContext, complaints: list[str]) -> None:
    context = new_context(PHONE)
    context.grant_permissions(["camera"])
    page = opened(context)
    page.get_by_role("button", name="Start recording").click(timeout=SLOW)
    stop = page.get_by_role("button", name="Stop recording")
    expect(stop).to_be_disabled()
    expect(page.locator(".camera-words")).to_contain_text("5 at least")
    assert fits(page)
    expect(stop).to_be_enabled(timeout=SLOW)  # after five seconds
    stop.click()
    expect(page.get_by_label("The recording")).to_be_visible(timeout=SLOW)
    expect(page.locator(".drop-name")).to_contain_text(re.compile(r"recording-.*\.(webm|mp4)"))
    page.wait_for_function("() => document.querySelector('.camera-played').readyState >= 2", timeout=SLOW)
    assert fits(page)
    page.get_by_role("button", name="Analyse", exact=True).click()
    page.wait_for_url(re.compile(r"/scans/[0-9a-f-]{36}/$"), timeout=SLOW)
    expect(page.locator(".verdict h1")).to_be_visible(timeout=ANALYSIS)
    expect(page.locator(".person")).to_have_count(1)
    assert complaints == []


def test_a_refused_camera_is_explained(new_context: NewContext) -> None:
    context = new_context()
    context.grant_permissions(["notifications"])  # and no others
    page = opened(context)
    expect(page.locator(".camera-error")).to_contain_text("may not use the camera", timeout=SLOW)
    expect(page.get_by_role("button", name="Turn the camera on")).to_be_visible()


def test_a_shared_file_lands_on_the_form_and_nothing_is_kept(
    new_context: NewContext, complaints: list[str]
) -> None:
    context = new_context(PHONE)
    page = context.new_page()
    page.goto("/")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null", timeout=SLOW)
    with page.expect_navigation(url=re.compile(r"/\?shared=1$"), timeout=SLOW):
        page.evaluate(
            """() => {
                const form = document.createElement("form");
                const input = document.createElement("input");
                const files = new DataTransfer();
                files.items.add(new File(["some bytes"], "from the gallery.mp4", { type: "video/mp4" }));
                Object.assign(form, { action: "/share/", method: "post", enctype: "multipart/form-data" });
                Object.assign(input, { type: "file", name: "shared" });
                input.files = files.files;
                form.append(input);
                document.body.append(form);
                form.submit();
            }"""
        )
    expect(page.locator(".drop-name")).to_contain_text("from the gallery.mp4", timeout=SLOW)
    page.goto("/scans/")
    page.goto("/about/")
    assert complaints == []

    kept = page.evaluate(
        """async () => {
            const urls = [];
            for (const name of await caches.keys())
                for (const request of await (await caches.open(name)).keys())
                    urls.push(new URL(request.url).pathname);
            return urls;
        }"""
    )
    assert "/offline/" in kept
    assert all(path == "/offline/" or path.startswith("/static/") for path in kept)
    context.set_offline(True)
    page.goto("/scans/")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are offline")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != "rgba(0, 0, 0, 0)"
