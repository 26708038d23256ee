"""From prepared faces to weights: batches, steps, resuming, precision, logs, and what stops a training."""

from __future__ import annotations

import csv
import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing import event_accumulator
from torch import nn

from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.runtime.detector import Detector
from ml_app.training.fitting.backbone import LOG, TrainingFailed, fit
from ml_app.training.fitting.batches import Pool, make_batch
from ml_app.training.fitting.logs import TrainingLog
from ml_app.training.publish import export, halved
from ml_app.training.recipe import Mix, Phase, Recipe
from ml_app.training.workflow import load_backbone, load_heads, split_folders, train_backbone, train_heads
from tests.training.tiny import TINY


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


def test_a_loss_that_is_no_number_stops_the_training_with_the_reason(
    prepared: Path, recipe: Recipe, tmp_path: Path
) -> None:
    wild = dataclasses.replace(recipe, learning_rate=float("inf"))
    with pytest.raises(TrainingFailed, match=r"step 1, at size 32 .*weights .* are no numbers") as caught:
        fit(wild, pool_of(prepared, recipe), tmp_path / "wild")
    assert "Lower learning_rate" in str(caught.value)
    fit(recipe, pool_of(prepared, recipe), tmp_path / "run", stop_at=2)
    content = torch.load(tmp_path / "run/last.pt", weights_only=True)
    content["model"]["classify.bias"][0] = float("inf")
    torch.save(content, tmp_path / "run/last.pt")
    with pytest.raises(TrainingFailed, match=r"stopped at step 2.*state of step 2 is kept"):
        fit(recipe, pool_of(prepared, recipe), tmp_path / "run")
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["step"] == 2


def test_heads_that_learn_no_numbers_say_so(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    wild = dataclasses.replace(recipe, heads=dataclasses.replace(recipe.heads, learning_rate=1e30))
    train_backbone(wild, prepared, tmp_path)
    with pytest.raises(ValueError, match="head of 4 frames: the loss of step 10 is nan"):
        train_heads(wild, prepared, tmp_path)


def test_epochs_go_by_the_genuine_faces(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    pool = pool_of(prepared, recipe)
    assert pool.genuine_faces == 4 + 3 + 2 * 12
    counted = dataclasses.replace(recipe, phases=(Phase(32, epochs=1.0, batch=8), Phase(48, 2, 8)))
    assert counted.with_steps(pool.genuine_faces).steps == 8 + 2
    fit(counted, pool, tmp_path)
    load_backbone(counted, tmp_path)
    assert (tmp_path / LOG).read_text().splitlines()[-1].startswith("10,48,")
    fewer = Pool([prepared / "clips/train", prepared / "pairs/train"], Mix(0, 1, 0, 0))
    with pytest.raises(TrainingFailed, match="prepared faces have changed"):
        fit(counted, fewer, tmp_path)


def test_mixed_precision_can_be_chosen(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    pool, found = pool_of(prepared, recipe), {}
    for precision in ("float32", "bfloat16"):
        chosen = dataclasses.replace(recipe, precision=precision)
        model = fit(chosen, pool, tmp_path / precision)
        assert all(p.dtype == torch.float32 for p in model.parameters())
        found[precision] = model.backbone.state_dict()["0.weight"]
    assert not torch.equal(found["float32"], found["bfloat16"])
    assert torch.allclose(found["float32"], found["bfloat16"], atol=0.02)


def test_layers_that_are_left_out_by_chance_are_repeated_after_a_kill(
    prepared: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(pretrained: bool) -> nn.Module:
        return nn.Sequential(TINY.build(pretrained), nn.Dropout(0.5))

    monkeypatch.setitem(BACKBONES, recipe.backbone, BackboneSpec("tiny", TINY.channels, build))
    pool = pool_of(prepared, recipe)
    whole = fit(recipe, pool, tmp_path / "whole").state_dict()
    fit(recipe, pool, tmp_path / "parted", stop_at=4)
    torch.manual_seed(99)
    parted = fit(recipe, pool, tmp_path / "parted").state_dict()
    assert all(torch.equal(tensor, parted[name]) for name, tensor in whole.items())
    with pytest.raises(ValueError, match="workers to 1"):
        fit(dataclasses.replace(recipe, workers=2), pool, tmp_path / "threads")


def test_curves_are_kept_for_tensorboard(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    fit(recipe, pool_of(prepared, recipe), tmp_path, stop_at=4)
    # As if killed after two more steps were logged and before they were saved.
    with TrainingLog(tmp_path / LOG, lambda row: None, start=4) as log:
        log.write({"step": 6, "loss": 99.0})
    fit(recipe, pool_of(prepared, recipe), tmp_path)
    curves = event_accumulator.EventAccumulator(str(tmp_path / "tensorboard/log")).Reload()
    losses = curves.Scalars("loss")
    assert [event.step for event in losses] == [2, 4, 6, 8]
    rows = list(csv.DictReader((tmp_path / LOG).open()))
    assert [event.value for event in losses] == pytest.approx([float(row["loss"]) for row in rows])
    assert all(float(row["crops_per_second"]) > 0 for row in rows)


def test_without_tensorboard_training_runs_and_says_so(
    prepared: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    rows: list[dict[str, object]] = []
    fit(recipe, pool_of(prepared, recipe), tmp_path, stop_at=2, on_log=rows.append)
    assert "requirements-training.txt" in str(rows[0]["note"])
    assert rows[1]["step"] == 2
    assert not (tmp_path / "tensorboard").exists()


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


def test_heads_read_order_and_all_of_their_frames(trained: Path) -> None:
    detector = Detector.load(trained / "models", "small", 8)
    embeddings = np.random.default_rng(0).random((8, 16), dtype=np.float32)
    score = detector.score_embeddings([embeddings], second=None)[0].person
    assert detector.score_embeddings([embeddings[::-1].copy()], second=None)[0].person != score
    for frame in range(8):
        changed = embeddings.copy()
        changed[frame] += 1
        assert detector.score_embeddings([changed], second=None)[0].person != score
