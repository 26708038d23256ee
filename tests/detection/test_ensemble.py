"""An ensemble is fitted on its parts' reports, and asks them about the people of a clip."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.ensemble import Ensemble, disagree, load, logit
from ml_app.detection.errors import CheckpointError
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Reason
from ml_app.detection.pipeline import analyse
from ml_app.training.calibration.stacking import (
    choose_disagreement,
    fit_ensemble,
    fit_weights,
    held_out,
    read_report,
)
from ml_app.training.evaluation.table import LabelledClip
from tests.detection.conftest import write_detector
from tests.detection.landmark_faces import write_landmark_detector
from tests.media import Clips

RNG = np.random.default_rng(0)
FAKES = np.arange(60) % 2 == 0
SOURCES = [f"page {number // 6}" for number in range(60)]
LOGITS = np.stack([FAKES * 2.0 - 1 + RNG.normal(0, 1, 60), FAKES * 1.0 + RNG.normal(0, 1, 60)], axis=1)


def _report(folder: Path, models: Path, name: str, logits: list[float]) -> Path:
    head = open_folder(models, name).heads[10]
    folder.mkdir()
    about = {"name": name, "frame_count": 10, "head_sha256": head.sha256}
    (folder / "metrics.json").write_text(json.dumps({"detector": about}))
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "fake_probability"])
        writer.writerows([f"{n}.mp4", 1 / (1 + np.exp(-value))] for n, value in enumerate(logits))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The parts, and an ensemble of them."""
    folder = write_landmark_detector(write_detector(tmp_path / "models", "tiny", (10,)), "points", (10,))
    reports = [
        read_report(name, _report(tmp_path / name, folder, name, LOGITS[:, at].tolist()))
        for at, name in enumerate(("tiny", "points"))
    ]
    clips = [
        LabelledClip(
            f"{n}.mp4", Path(f"{n}.mp4"), bool(fake), "dev", "swap" if fake else "", origin=SOURCES[n]
        )
        for n, fake in enumerate(FAKES)
    ]
    figures = fit_ensemble(folder, "both", clips, reports)[10]
    assert figures["auc"]["value"] > 0.9
    assert figures["held_out"]["gain_over_first_part"]["n"] == 10
    return folder


def test_an_ensemble_weighs_what_its_parts_say(models: Path, clips: Clips, pool: FacePool) -> None:
    both = load(models, "both", 10, "cpu")
    assert isinstance(both, Ensemble)
    parts = both.metadata.parts
    assert [part.name for part in parts] == ["tiny", "points"]
    assert min(part.weight for part in parts) > 0
    found = analyse(clips(seconds=2), both, frames=10, pool=pool)
    assert found.detector.name == "both"
    assert [opinion.detector.name for opinion in found.opinions] == ["tiny", "points"]
    said = [opinion.fake_probability for opinion in found.opinions]
    expected = sum(part.weight * logit(value or 0.5) for part, value in zip(parts, said, strict=True))
    assert logit(found.fake_probability or 0) == pytest.approx(
        expected + both.metadata.calibration.intercept, abs=1e-6
    )
    assert len(found.faces[0].frames) == 10
    assert found.faces[0].frames[0].thumbnail

    both.metadata = replace(both.metadata, disagreement=1e-9)
    signs = {(value or 0.5) > 0.5 for value in said}
    again = analyse(clips(seconds=2), both, frames=10, pool=pool)
    assert (again.reason is Reason.DETECTORS_DISAGREE) == (len(signs) == 2)


def test_an_ensemble_wants_the_very_parts_that_it_was_fitted_with(models: Path) -> None:
    head = open_folder(models, "tiny").heads[10]
    changed = replace(read_metadata(head.path, HeadMetadata), version="2")
    save_checkpoint(head.path, load_tensors(head), changed)
    with pytest.raises(CheckpointError, match="not the one that this ensemble was fitted with"):
        load(models, "both", 10, "cpu")


def test_a_part_that_would_be_turned_round_is_left_out() -> None:
    weights, _intercept = fit_weights(np.stack([LOGITS[:, 0], -LOGITS[:, 1]], axis=1), FAKES)
    assert weights[0] > 0
    assert weights[1] == 0


def test_held_out_scores_are_of_weights_from_other_sources() -> None:
    one_source = held_out(LOGITS, FAKES, SOURCES)
    changed = FAKES.copy()
    changed[:6] = ~changed[:6]  # a source's own labels change nothing of its own scores
    assert one_source[:6] == pytest.approx(held_out(LOGITS, changed, SOURCES)[:6])
    assert one_source[6:] != pytest.approx(held_out(LOGITS, changed, SOURCES)[6:])


def test_abstaining_begins_where_the_parts_contradictions_tell_nothing() -> None:
    assert disagree([0.5, -0.5], 0.5)
    assert not disagree([0.5, -0.4], 0.5)
    assert not disagree([9.0, -9.0], 0.0)
    logits = np.array([[0.3, -0.3]] * 20 + [[1.0, 1.0]] * 20)
    fakes = np.arange(40) % 2 == 0
    assert choose_disagreement(logits, np.zeros(40), fakes)[0] == 0.1
    right = np.where(fakes, 1.0, -1.0)
    assert choose_disagreement(logits, right, fakes)[0] == 0.0
