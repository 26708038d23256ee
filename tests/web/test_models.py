"""/models/, and what the slider says of each number of frames: both come from the checkpoints."""

import dataclasses
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from django.test import Client

from ml_app.detection.checkpoints.files import read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import Calibration, HeadMetadata
from ml_app.web.detector_figures import detector_figures
from ml_app.web.frame_counts import frame_choices
from tests.detection.conftest import write_detector
from tests.factories import ScanFactory

METRICS: dict[str, Any] = {
    "split": "dev clips",
    "clips": {
        "auc": {"value": 0.812, "low": 0.75, "high": 0.87, "n": 130},
        "fakes_above_threshold": {"value": 0.43, "low": 0.3, "high": 0.5, "n": 130},
        "genuine_above_threshold": {"value": 0.05, "low": 0.0, "high": 0.1, "n": 130},
        "families": {"face_swap": {"value": 0.9, "low": None, "high": None, "n": 20}},
        "reliability": [
            {"predicted": 0.1, "observed": 0.2, "n": 40},
            {"predicted": 0.9, "observed": 0.75, "n": 10},
            {"predicted": "broken"},
            None,
        ],
    },
    "brier": 0.2,
    "not_analysable": 1,
    "made_with": "words are no figures",
}


@pytest.fixture
def measured(settings: Any, tmp_path: Path) -> Path:
    """The detector "standard" for 20 and 40 frames; the head for 40 was measured and calibrated."""
    settings.MODELS_DIR = write_detector(tmp_path, "standard", (20, 40))
    path = tmp_path / "standard" / "head-40.safetensors"
    head = dataclasses.replace(
        read_metadata(path, HeadMetadata),
        metrics=METRICS,
        calibration=Calibration(1.25, -0.5, "130 dev clips"),
        training_data="Faces of nobody in particular",
        licence="MIT",
    )
    save_checkpoint(path, {"weight": torch.zeros(1)}, head)
    return tmp_path


def page_of(client: Client) -> str:
    return html.unescape(" ".join(client.get("/models/").content.decode().split()))


def test_anybody_reads_what_is_installed(newcomer: Client, measured: Path) -> None:
    page = page_of(newcomer)
    assert "in use" in page
    assert "Checkpoints for 20, 40 frames" in page
    assert "For 10, 60, 80, 100 frames the nearest one is used" in page
    folder = open_folder(measured, "standard")
    for file in (folder.backbone, *folder.heads.values()):
        assert file.sha256 in page
        assert file.path.name in page
    assert "0.75 to 0.87" in page
    assert "43 %" in page
    assert re.search("Clips that could not be judged</td><td[^>]*><b>1</b>", page)
    assert "30 % to 50 %" in page
    assert "By kind of manipulation" in page
    assert "1.2500 · logit \u2212 0.5000" in page
    assert "fitted on 130 dev clips" in page
    assert "Faces of nobody in particular" in page
    assert "Not calibrated" in page  # the other head
    assert page.count("<title>Given") == 2
    assert "Given 90 %, manipulated 75 % of 10 clips" in page
    assert "carries no bins" in page


def test_figures_come_from_the_checkpoints(measured: Path) -> None:
    figures = detector_figures(name="standard")[1].figures
    found = {(str(f.name), f.group): (f.value, f.n, f.is_overall) for f in figures}
    assert found[("Area under the ROC curve", "")] == (0.812, 130, True)
    assert found[("Brier score", "")] == (0.2, None, True)
    assert found[("face swap", "by kind of manipulation")] == (0.9, 20, False)
    assert len(found) == 6


def test_what_was_measured_on_sources_left_out_goes_first(measured: Path) -> None:
    head = detector_figures(name="standard")[1]
    assert head.auc and head.auc.value == 0.812
    path = measured / "standard" / "head-40.safetensors"
    fitted = read_metadata(path, HeadMetadata)
    left_out = {"held_out": {"auc": {"value": 0.753, "low": 0.69, "high": 0.81, "n": 130}}}
    save_checkpoint(path, {"weight": torch.zeros(1)}, dataclasses.replace(fitted, metrics=METRICS | left_out))
    head = detector_figures(name="standard")[1]
    assert head.auc and (head.auc.value, head.auc.low) == (0.753, 0.69)


def test_another_detector_is_listed_after_the_one_in_use(newcomer: Client, measured: Path) -> None:
    write_detector(measured, "another", (20,))
    page = page_of(newcomer)
    assert page.index("standard 1") < page.index("another 1")
    assert page.count(">in use<") == page.count(">installed<") == 1


def test_missing_and_damaged_detectors(newcomer: Client, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    assert "cannot be used" in page_of(newcomer)
    write_detector(tmp_path, "standard", (20,))
    (tmp_path / "standard" / "head-20.safetensors").write_bytes(b"cut off")
    assert "cannot be used" in page_of(newcomer)
    (tmp_path / "standard" / "manifest.json").write_text(json.dumps({"format": 1}))
    assert "cannot be used" in page_of(newcomer)


def test_a_frame_count_tells_accuracy_and_seconds(db: None, newcomer: Client, measured: Path) -> None:
    for seconds in (3.0, 4.0, 50.0):
        ScanFactory(done=True, frame_count=40, seconds={"total": seconds})
    ScanFactory(done=True, frame_count=40, detector_name="another", seconds={"total": 900.0})
    ScanFactory(done=True, frame_count=100, seconds={"total": 12.4})
    ScanFactory(failed=True, frame_count=20)
    by_count = {choice.frame_count: choice for choice in frame_choices(detector="standard")}
    assert list(by_count) == [10, 20, 40, 60, 80, 100]
    assert "found 43 of 100 manipulated videos and wrongly flagged 5 of 100 genuine" in by_count[40].accuracy
    assert by_count[20].accuracy == "Accuracy: not measured yet."
    assert "the checkpoint for 40 frames, the nearest" in by_count[100].accuracy
    assert by_count[40].time == "On this machine about 4.0 s a video (median of 3 scans)."
    assert by_count[100].time == "On this machine about 12 s a video (1 scan)."
    # 3, 4 and 50 s for 40 frames, 12.4 s for 100
    assert by_count[20].time == "On this machine about 2.2 s a video, reckoned from scans with other numbers."
    page = html.unescape(newcomer.get("/").content.decode())
    for choice in by_count.values():
        assert choice.words in page


def test_before_the_first_scan_no_time_is_told(db: None, measured: Path) -> None:
    assert {choice.time for choice in frame_choices(detector="standard")} == {
        "Time on this machine: not measured yet."
    }


def test_the_slider_and_the_queue_cost_a_query_each(
    db: None, newcomer: Client, django_assert_num_queries: Any
) -> None:
    ScanFactory(done=True)
    with django_assert_num_queries(2):
        newcomer.get("/")
