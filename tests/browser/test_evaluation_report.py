"""A measurement's page in the browser: it stands alone, fits a phone, and its plots show the figures.

`SCREENSHOTS=folder pytest tests/browser/test_evaluation_report.py` keeps pictures of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.runtime.detector import Detector
from ml_app.reports import evaluation_page
from ml_app.training.evaluation import results
from ml_app.training.evaluation.about import about
from ml_app.training.evaluation.figures import Bootstrap
from ml_app.training.evaluation.groups import GENDERS, ORIGINS, Portrait, false_positive_rates
from ml_app.training.evaluation.judging import JudgedClip, Judgement
from ml_app.training.evaluation.table import LabelledClip
from ml_app.training.evaluation.variants import VARIANTS
from tests.browser.test_accessibility import keep, serious
from tests.browser.test_upload_to_verdict import fits
from tests.detection.conftest import CHANNELS, tiny_backbone, write_detector

pytestmark = pytest.mark.browser
KINDS = (("face swap", "DeepFaceLive"), ("lip-sync", "Wav2Lip with a name that is rather long for a table"))


def judged(rng: np.random.Generator, worse: float = 0.0) -> list[JudgedClip]:
    """Sixty clips, scored a little better than by chance."""
    clips = []
    for number in range(60):
        fake = number % 2 == 1
        family, generator = KINDS[number % 4 // 2] if fake else ("", f"corpus {number % 3}")
        clip = LabelledClip(
            f"clip{number}.mp4", Path("clip.mp4"), fake, "train", family, generator, f"p{number // 2}"
        )
        probability = float(1 / (1 + np.exp(-rng.normal((1.2 - worse) * (1 if fake else -1), 1))))
        verdict = "uncertain" if 0.4 <= probability < 0.6 else "fake" if probability >= 0.6 else "real"
        said = Judgement(verdict, "", probability)
        clips.append(JudgedClip(clip, said if number % 20 else Judgement("not_analysable", "no_face", None)))
    return clips


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command would write for them, robustness and groups as well."""
    rng, bootstrap = np.random.default_rng(0), Bootstrap(100)
    folder = tmp_path_factory.mktemp("measured")
    (folder / "clips.csv").write_text("file,label\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
        detector = Detector.load(write_detector(folder), "tiny", 12, "cpu")
    clips = judged(rng)
    found = about(folder / "clips.csv", None, [item.clip for item in clips], detector, bootstrap)
    found |= results.results(clips, 0.6, bootstrap)
    varied = {variant: judged(rng, 0.1 * number) for number, variant in enumerate(VARIANTS)}
    found["robustness"] = results.robustness(clips, varied, 0.6, bootstrap)
    portraits = [
        Portrait(gender, origin, float(rng.random() ** 6))
        for gender in GENDERS
        for origin in ORIGINS
        for _ in range(40)
    ]
    found["groups"] = {"split": "dev", **false_positive_rates(portraits, 0.6)}
    return found


@pytest.fixture(scope="module")
def file(metrics: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(evaluation_page.page(metrics), encoding="utf-8")
    return path


def opened(browser: Browser, file: Path, **how: Any) -> tuple[Page, list[str]]:
    """The page, and everything that it asked for."""
    page = browser.new_context(offline=True, bypass_csp=True, **how).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    return page, asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_stands_alone_and_fits(
    browser: Browser, file: Path, width: int, scheme: Any, metrics: dict[str, Any]
) -> None:
    page, asked = opened(browser, file, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert asked == [file.as_uri()]
    assert fits(page)
    assert serious(page) == []
    assert f"{metrics['overall']['auc']['value']:.3f}" in page.locator(".overall").first.inner_text()
    for name in ("face swap", "lip-sync", "As they are", "crf 40", "female, Indian", "corpus 1"):
        assert page.locator("th").filter(has_text=name).first.is_visible(), name
    keep(page, f"evaluation-{width}-{scheme}")


def test_its_plots_show_the_figures(browser: Browser, file: Path, metrics: dict[str, Any]) -> None:
    page, _ = opened(browser, file, viewport={"width": 1280, "height": 800})
    roc = page.get_by_role("img", name="ROC curve")
    assert roc.locator("path.line").count() == 3  # all clips and two families
    box = roc.locator("path.line:not(.thin)").bounding_box()
    frame = roc.locator("rect.frame").bounding_box()
    assert box is not None
    assert frame is not None
    for side in ("x", "y", "width", "height"):  # the curve goes from corner to corner
        assert box[side] == pytest.approx(frame[side], abs=4)
    dots = page.get_by_role("img", name="Reliability diagram").locator("circle")
    assert dots.count() == len(metrics["calibration"]["bins"])
    compression = page.get_by_role("img", name="AUC by condition: Compression")
    heights = [float(dot.get_attribute("cy") or 0) for dot in compression.locator("circle").all()]
    by_name = {row["name"]: row["auc"]["value"] for row in metrics["robustness"]}
    wanted = [by_name[name] for name in ("original", "h264_crf23", "h264_crf32", "h264_crf40")]
    assert heights == pytest.approx([(1 - value) * 150 for value in wanted], abs=0.1)


def test_it_can_be_printed(browser: Browser, file: Path, tmp_path: Path) -> None:
    page, _ = opened(browser, file, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(251, 249, 244)"
    page.set_viewport_size({"width": 720, "height": 1000})  # a sheet of A4 without its margins
    assert fits(page)
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
