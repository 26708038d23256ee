"""/about/: what the tool cannot see, and its measured figures."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from django.test import Client

from ml_app.detection.checkpoints import HeadMetadata, read_metadata, save_checkpoint
from ml_app.figures import detector_figures
from tests.detection.conftest import write_detector


def test_anybody_may_read_it(newcomer: Client) -> None:
    page = newcomer.get("/about/").content.decode()
    assert "Finding nothing does not prove that a video is genuine" in page
    assert "Checkpoint for 40 frames" in page
    assert "Not calibrated" in page


def test_figures_come_from_the_checkpoints(newcomer: Client, settings: Any, tmp_path: Path) -> None:
    import torch

    settings.MODELS_DIR = write_detector(tmp_path, "standard", (40,))
    path = tmp_path / "standard" / "head-40.safetensors"
    head = dataclasses.replace(
        read_metadata(path, HeadMetadata),
        metrics={
            "auc": {"value": 0.812, "low": 0.75, "high": 0.87, "n": 130},
            "families": {"face_swap": {"auc": {"value": 0.9, "low": None, "high": None, "n": 20}}},
            "brier": 0.2,
            "made_with": "words are no figures",
        },
    )
    save_checkpoint(path, {"weight": torch.zeros(1)}, head)
    figures = detector_figures(name="standard")[0].figures
    assert [(str(f.name), f.group, f.value, f.n) for f in figures] == [
        ("Area under the ROC curve", "", 0.812, 130),
        ("Brier score", "", 0.2, None),
        ("Area under the ROC curve", "families · face swap", 0.9, 20),
    ]
    page = newcomer.get("/about/").content.decode()
    assert "0.750 \u2013 0.870" in page
    assert "families · face swap: Area under the ROC curve" in page


def test_without_weights_it_says_so(newcomer: Client, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    assert "weights are missing" in newcomer.get("/about/").content.decode()
    (tmp_path / "standard").mkdir()
    (tmp_path / "standard" / "manifest.json").write_text(json.dumps({"format": 1}))
    assert newcomer.get("/about/").status_code == 200
