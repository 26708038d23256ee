"""Large text, forced colours, more contrast, less motion, and what screen readers hear on the main way."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from ml_app.models import Scan
from tests.browser.test_accessibility import _queries_beside_playwright, _site, keep, look, pages
from tests.browser.test_upload_to_verdict import fits
from tests.web.conftest import TOKEN, standard_models, visitor

__all__ = ["_queries_beside_playwright", "_site", "pages", "standard_models"]
pytestmark = [pytest.mark.browser, pytest.mark.layout]

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
Pages = tuple[dict[str, str], AbstractBaseUser]
MAIN_WAY = ("upload", "scan-running", "scan", "scan-picture", "history", "models", "about")

# Texts that lie over another text, or are cut off by the box that they are in, with what they say. What is
# drawn over a video or picture lies there on purpose.
CROWDED = """() => {
  const shown = element => element.checkVisibility({visibilityProperty: true, opacityProperty: true})
    && !element.closest(".visually-hidden, .skip, .boxes, .still, option, title, desc");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [], boxes = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.textContent.trim() || !shown(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const says = node.textContent.trim().slice(0, 40);
    for (let box = parent; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (/hidden|clip/.test(style.overflowX + style.overflowY) && !(box instanceof SVGElement)
          && (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1))
        found.push(`cut: ${says}`);
    }
    for (const rect of range.getClientRects()) boxes.push({rect, says, node});
  }
  // Lines may touch: what counts is the middle of the letters.
  const inner = rect => ({left: rect.left + 1, right: rect.right - 1,
    top: rect.top + rect.height * 0.3, bottom: rect.bottom - rect.height * 0.3});
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    if (boxes[i].node === boxes[j].node) continue;
    const a = inner(boxes[i].rect), b = inner(boxes[j].rect);
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      found.push(`over each other: ${boxes[i].says} | ${boxes[j].says}`);
  }
  return [...new Set(found)];
}"""

WIDE = """() => [...document.querySelectorAll("body *")]
  .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
  .map(element => element.outerHTML.slice(0, 80)).slice(-4)"""

# What carries meaning without being text: on a finding, on its way there, and in the form.
DRAWN = {
    "scan": {
        ".mark-fill": "fill",
        ".mark-on": "stroke",  # lies on the one before
        ".scale-track": "stroke",
        ".scale-band": "fill",
        ".scale-threshold": "stroke",
        ".scale-pin path": "fill",
        ".plot-line": "stroke",
        ".plot-threshold": "stroke",
        ".point-above path": "fill",
        ".point circle:not(.point-target)": "stroke",
        ".swatch-band": "backgroundColor",
    },
    "scan-running": {"progress": "borderTopColor", ".stage-done::before": "backgroundColor"},
    "upload": {".film": "stroke", ".drop": "borderTopColor"},
}
CONTRAST = """([selector, property, ground]) => {
  const [, base, pseudo] = selector.match(/^(.*?)(::.*)?$/);
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (...colours) => {  // each over those before it
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(
      part => part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const of = (name, kind) => getComputedStyle(document.querySelector(name), kind);
  const behind = [of("html").backgroundColor, ...(ground ? [of(ground).fill] : [])];
  const own = light(...behind, of(base, pseudo)[property]), other = light(...behind);
  return (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05);
}"""
SPOKEN = re.compile(
    r"- (?:banner|navigation|main|contentinfo|region|article|complementary|form|search|group|figure|heading"
    r"|slider|button|checkbox|radio|textbox|combobox|alert|status|note|progressbar|table|img|video)\b"
)
OUTLINES = Path(__file__).with_name("outlines")


def crowded(page: Page, name: str) -> list[str]:
    keep(page, name)
    found = [f"{name}: {line}" for line in page.evaluate(CROWDED)]
    return found if fits(page) else [*found, f"{name} is wider than the window: {page.evaluate(WIDE)}"]


def test_text_of_twice_the_size(browser: Browser, live_server: Any, pages: Pages) -> None:
    page = look(browser, live_server.url, visitor(TOKEN))
    complaints = []
    for name in MAIN_WAY:
        page.goto(pages[0][name])
        for width in (1280, 360):
            page.set_viewport_size({"width": width // 2, "height": 400})  # as zooming does to a window
            complaints += crowded(page, f"{name}-{width}-zoomed")
        page.add_style_tag(content="html { font-size: 200% }")
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            complaints += crowded(page, f"{name}-{width}-large-text")
    page.context.close()
    assert not complaints, "\n".join(complaints)


def pale(page: Page, name: str, least: float) -> list[str]:
    """What of a page's drawings does not stand out from what is behind them."""
    found = []
    for selector, what in DRAWN[name].items():
        ground = ".mark-fill" if selector == ".mark-on" else None
        contrast = page.evaluate(CONTRAST, [selector, what, ground])
        if contrast < least:
            found.append(f"{name} {selector} {contrast:.2f}")
    return found


def test_forced_colours_more_contrast_and_less_motion(
    browser: Browser, live_server: Any, pages: Pages
) -> None:
    page = look(browser, live_server.url, visitor(TOKEN))
    complaints = []
    for name in DRAWN:
        page.goto(pages[0][name])
        for scheme in SCHEMES:
            page.emulate_media(
                forced_colors="active", contrast="more", reduced_motion="reduce", color_scheme=scheme
            )
            keep(page, f"{name}-1280-forced-{scheme}")
            complaints += pale(page, name, 3)
        assert page.evaluate("document.getAnimations().length") == 0
        moving = "element => parseFloat(getComputedStyle(element).transitionDuration) > 0"
        assert not page.evaluate(f"[...document.querySelectorAll('*')].some({moving})")
    # Still on the upload page: what has the focus is ringed, as the marks of a timeline are.
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowLeft")
    assert slider.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.goto(pages[0]["scan"])
    page.locator("a.point[tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    ring = "getComputedStyle(document.activeElement.querySelector('.point-target')).strokeWidth"
    assert page.evaluate(ring) == "2px"
    for scheme in SCHEMES:
        page.emulate_media(forced_colors="none", contrast="more", color_scheme=scheme)
        complaints += pale(page, "scan", 1.4)
    page.context.close()
    assert not complaints


def outline(page: Page) -> str:
    """What a screen reader lists: landmarks, headings, fields, live regions, in order."""
    lines = page.locator("body").aria_snapshot().splitlines()
    spoken = [line.rstrip(":") for line in lines if SPOKEN.match(line.strip())]
    return re.sub(r"\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d", "DATE", "\n".join(spoken)) + "\n"


def complain(page: Page, name: str) -> list[str]:
    """How a page differs from its outline; `OUTLINES=1` writes them anew, to be read before they are kept."""
    path, found = OUTLINES / f"{name}.txt", outline(page)
    if os.environ.get("OUTLINES"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    levels = [int(level) for level in re.findall(r"\[level=(\d)\]", found)]
    jumps = [here for before, here in itertools.pairwise(levels) if here > before + 1]
    assert levels[0] == 1 and levels.count(1) == 1 and not jumps, f"{name}: headings {levels}"
    return [] if found == path.read_text() else [f"--- {name}\n{found}"]


def test_what_a_screen_reader_hears(browser: Browser, live_server: Any, pages: Pages) -> None:
    page = look(browser, live_server.url, visitor(TOKEN))
    page.goto(pages[0]["upload"])
    expect(page.get_by_role("slider")).to_be_visible()
    complaints = complain(page, "upload")
    page.goto(pages[0]["scan-running"])
    complaints += complain(page, "progress")
    # The polled part is no live region; what is new in it is said once, in one that is.
    said = page.get_by_role("status")
    expect(said).to_have_text("Decode frames and find faces")
    running = Scan.objects.filter(pk=pages[0]["scan-running"].split("/")[2])
    running.update(stage="network", progress_done=1, progress_total=2)
    expect(said).to_have_text("Score every face")
    # The end loads the page anew, whose title and first heading are the finding.
    running.update(
        status="done", verdict="real", finished_at=timezone.now(), lease_expires_at=None, worker=""
    )
    expect(page.get_by_role("heading", level=1)).to_have_text("No evidence of manipulation found.")
    assert page.title().startswith("No evidence of manipulation found:")
    page.goto(pages[0]["scan"])
    complaints += complain(page, "finding")
    page.context.close()
    assert not complaints, "\n".join(complaints)
