"""Learning from a finished network: its logits and its feature map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml_app.detection.networks.backbones import BackboneError
from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead
from ml_app.training.fitting.backbone import LAST, fit
from ml_app.training.fitting.batches import Pool, make_batch
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.gradients import split
from ml_app.training.fitting.heads import FittedHead
from ml_app.training.fitting.teacher import imitation_loss, load_teacher
from ml_app.training.publish import export
from ml_app.training.recipe import Recipe
from ml_app.training.workflow import load_backbone, split_folders


@pytest.fixture
def pool(prepared: Path, recipe: Recipe) -> Pool:
    return Pool(split_folders(prepared, "train"), recipe.mix)


def test_a_pupil_comes_nearer_to_its_teacher(tmp_path: Path, pool: Pool, recipe: Recipe) -> None:
    teacher = fit(recipe, pool, tmp_path / "teacher").eval()
    alone = replace(recipe, seed=9)
    taught = replace(alone, teacher=str(tmp_path / "teacher"))
    images = make_batch(pool, recipe, 0).images
    with torch.no_grad():
        far, near = (
            (fit(one, pool, tmp_path / name).eval()(images) - teacher(images)).abs().mean()
            for name, one in (("alone", alone), ("taught", taught))
        )
    assert near < far


def test_a_silent_channel_of_the_teacher_does_not_outweigh_the_others() -> None:
    torch.manual_seed(0)
    features = torch.rand(4, 8, 6, 6)
    features[:, 0] = 0.0
    guess = torch.zeros(4, 8, 3, 3)
    guess[:, 0] = 0.1
    silent = imitation_loss(guess, features) - imitation_loss(guess * 0, features)
    assert 0 < silent < imitation_loss(guess * 0, features)
    assert imitation_loss(guess, torch.zeros(4, 8, 6, 6)) == pytest.approx(0.1**2 / 8)


def test_a_pupil_imitates_the_feature_map_and_ships_without_that_part(
    tmp_path: Path, pool: Pool, recipe: Recipe
) -> None:
    fit(recipe, pool, tmp_path / "teacher")
    taught = replace(
        recipe,
        seed=9,
        teacher=str(tmp_path / "teacher"),
        imitation=4.0,
        teacher_size=recipe.phases[-1].size + 8,
    )
    fit(taught, pool, tmp_path / "short", stop_at=1)
    fit(taught, pool, tmp_path / "pupil", stop_at=1)
    pupil = fit(taught, pool, tmp_path / "pupil")  # goes on from the save
    assert pupil.imitate is not None
    teacher = load_teacher(tmp_path / "teacher")
    batch = make_batch(pool, taught, 99)
    assert batch.large is not None
    early = FrameClassifier(recipe.backbone)
    early.imitate = nn.Conv2d(early.spec.channels, teacher.channels, 1)
    early.load_state_dict(torch.load(tmp_path / "short" / LAST, weights_only=True)["model"])

    def distance(model: FrameClassifier) -> float:
        assert batch.large is not None
        with torch.no_grad():
            imitation = model.eval().outputs(batch.images).imitation
        assert imitation is not None
        return float(imitation_loss(imitation, teacher.look(batch.large)[0]))

    assert distance(pupil) < distance(early)
    assert load_backbone(taught, tmp_path / "pupil").imitate is None


def test_faces_for_the_teacher_are_the_pupils_own(pool: Pool, recipe: Recipe) -> None:
    side = recipe.phase_at(3).size
    batch = make_batch(pool, replace(recipe, teacher_size=2 * side), 3)
    assert batch.large is not None
    assert batch.images.shape[2:] == (side, side)
    assert batch.large.shape[2:] == (2 * side, 2 * side)
    small = batch.large.float().unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
    assert float((small - batch.images.float()).abs().mean()) < 1
    first, second = split(batch, 2)
    assert first.large is not None
    assert second.large is not None
    assert len(first.large) == len(first.images)
    assert len(second.large) == len(second.images)


def test_an_installed_detector_teaches_what_its_head_reads(tmp_path: Path, recipe: Recipe) -> None:
    model = FrameClassifier(recipe.backbone).eval()
    head = SequenceHead(HeadConfig(model.spec.channels, 8, 4))
    nn.init.normal_(head.frame.weight)
    folder = tmp_path / recipe.name
    fitted = FittedHead(head, 4, 0, 1.0, 0.0, 0.0)
    export(recipe, model, [fitted], folder, training_data="nothing", licence="none")
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64), dtype=np.uint8))
    features, logits = load_teacher(folder).look(images)
    assert features.shape[:2] == (2, model.classify.in_features)
    assert torch.allclose(logits, head.frame(features.mean(dim=(2, 3))).squeeze(-1), atol=0.01)


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="neither a training nor a detector"):
        load_teacher(tmp_path)
