"""From prepared faces to a detector that the site loads, with a kill in between."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ml_app.detection.checkpoints import HeadMetadata, open_folder, read_metadata
from ml_app.detection.detector import Detector
from ml_app.figures import detector_figures
from ml_app.training.batches import Pool, make_batch
from ml_app.training.calibrating import calibrate_detector, embed_served, score_clips
from ml_app.training.fit import LOG, TrainingFailed, fit
from ml_app.training.publish import export, halved
from ml_app.training.readers.table import read_clips
from ml_app.training.recipe import Mix, Recipe
from ml_app.training.report import figures_table
from ml_app.training.workflow import load_backbone, load_heads, split_folders, train_backbone, train_heads


def pool_of(prepared: Path, recipe: Recipe) -> Pool:
    return Pool(split_folders(prepared, "train"), recipe.mix)


def test_a_batch_sets_each_genuine_face_beside_a_manipulated_one(prepared: Path, recipe: Recipe) -> None:
    pool = pool_of(prepared, recipe)
    batch = make_batch(pool, recipe, 5)
    assert batch.images.shape == (8, 3, 48, 48)
    assert batch.images.dtype == torch.uint8
    assert batch.fake.tolist() == [0] * 4 + [1] * 4
    assert torch.equal(batch.images, make_batch(pool, recipe, 5).images)
    assert not torch.equal(batch.images, make_batch(pool, recipe, 6).images)


def test_a_mix_without_its_data_is_refused(prepared: Path) -> None:
    with pytest.raises(ValueError, match="picture_pairs"):
        Pool([prepared / "faces/train"], Mix(picture_pairs=1.0))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_training_ends_in_the_same_weights(
    prepared: Path, recipe: Recipe, tmp_path: Path, workers: int
) -> None:
    recipe = dataclasses.replace(recipe, workers=workers)
    pool = pool_of(prepared, recipe)
    whole = fit(recipe, pool, tmp_path / "whole")
    for stop in (4, 6, None):
        parted = fit(recipe, pool, tmp_path / "parted", stop_at=stop)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, parted.state_dict()[name]), name
    log = (tmp_path / "parted" / LOG).read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["step", "2", "4", "6", "8"]


def test_another_recipe_does_not_continue_a_run(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    pool = pool_of(prepared, recipe)
    fit(recipe, pool, tmp_path, stop_at=2)
    with pytest.raises(TrainingFailed, match="another recipe"):
        fit(dataclasses.replace(recipe, seed=9), pool, tmp_path)
    with pytest.raises(TrainingFailed, match="step 2 of 8"):
        load_backbone(recipe, tmp_path)


def test_a_loss_that_is_no_number_stops_the_training(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    wild = dataclasses.replace(recipe, learning_rate=float("inf"))
    with pytest.raises(TrainingFailed, match="lower learning_rate"):
        fit(wild, pool_of(prepared, recipe), tmp_path)


def test_weights_beyond_half_precision_are_refused() -> None:
    with pytest.raises(ValueError, match="half precision"):
        halved({"weight": torch.tensor([1e6])})


@pytest.fixture
def trained(prepared: Path, recipe: Recipe, tmp_path: Path) -> Path:
    """A folder with a run and the detector exported from it."""
    run = tmp_path / "run"
    train_backbone(recipe, prepared, run)
    train_heads(recipe, prepared, run)
    export(
        recipe,
        load_backbone(recipe, run),
        load_heads(recipe, run),
        tmp_path / "models/small",
        training_data="made-up clips",
        licence="none",
    )
    return tmp_path


def test_from_faces_to_a_calibrated_detector(
    trained: Path, media: Path, prepared: Path, settings: Any
) -> None:
    clips = [clip for clip in read_clips(media / "clips.csv") if clip.split == "dev"]
    models, cache = trained / "models", trained / "served"
    found = calibrate_detector(models, "small", clips, cache, pictures=[prepared / "pairs/dev"])
    assert sorted(found) == [4, 8]
    for frames, pinned in open_folder(models, "small").heads.items():
        metadata = read_metadata(pinned.path, HeadMetadata)
        assert metadata.metrics == found[frames]
        assert metadata.metrics["auc"]["n"] == 4
        assert sum(row["n"] for row in metadata.metrics["reliability"]) == 4
        assert 0 <= metadata.metrics["ece"]["value"] <= 1
        assert metadata.metrics["picture_pairs"]["pair_accuracy"]["n"] == 1
        assert metadata.calibration.slope > 0
        assert metadata.calibration.fitted_on
        decision = metadata.decision
        assert decision.uncertain_low <= decision.threshold <= decision.uncertain_high
        detector = Detector.load(models, "small", frames)
        genuine = [item.score for item in score_clips(detector, embed_served(detector, clips, cache), frames)]
        assert np.isfinite(genuine).all()
    assert "Pair accuracy (2 pairs)" in figures_table(found)
    settings.MODELS_DIR = models
    for head in detector_figures(name="small"):  # what the Models page draws
        assert sum(row.n for row in head.bins) == 4


def test_heads_read_order_and_all_of_their_frames(trained: Path) -> None:
    detector = Detector.load(trained / "models", "small", 8)
    embeddings = torch.rand(8, 16)
    score = detector.score_embeddings([embeddings])[0].person
    assert detector.score_embeddings([embeddings.flip(0)])[0].person != score
    for frame in range(8):
        changed = embeddings.clone()
        changed[frame] += 1
        assert detector.score_embeddings([changed])[0].person != score
