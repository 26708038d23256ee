"""EfficientNet-Lite, frozen parts, the files that they start from, and resampled pseudo-fakes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.faces.crops import Image
from ml_app.detection.networks.backbones import BACKBONES, BackboneError, build_backbone
from ml_app.detection.networks.efficientnet_lite import SameConv
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.fakes.resampling import resample
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.freezing import freeze, learn_mode
from ml_app.training.fitting.initial_weights import first_model, load_classifier, load_initial
from ml_app.training.recipe import Phase, Recipe


@pytest.mark.parametrize(("size", "side"), [(3, 64), (5, 56)])
def test_padding_with_a_stride_is_that_of_the_published_weights(size: int, side: int) -> None:
    convolution = SameConv(1, 1, size, 2, bias=False)
    nn.init.zeros_(convolution.weight)
    with torch.no_grad():
        convolution.weight[0, 0, 0, 0] = 1
    pixels = torch.arange(side * side, dtype=torch.float32).view(1, 1, side, side)
    result = convolution(pixels)
    assert result.shape[-1] == side // 2
    # The first tap of the second window lies two pixels after that of the first, which is `before` outside.
    before = (size - 2) // 2
    assert result[0, 0, 1, 1] == pixels[0, 0, 2 - before, 2 - before]


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_cheap_gradients_are_those_of_the_library(size: int, stride: int) -> None:
    torch.manual_seed(size)
    layer = SameConv(8, 8, size, stride, size // 2 if stride == 1 else 0, groups=8, bias=False)
    pixels = torch.randn(2, 8, 16, 16, requires_grad=True)
    layer(pixels).square().sum().backward()
    exact = pixels.grad, layer.weight.grad
    pixels.grad = layer.weight.grad = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(pixels).float().square().sum().backward()
    for right, cheap in zip(exact, (pixels.grad, layer.weight.grad), strict=True):
        assert right is not None
        assert cheap is not None
        assert nn.functional.cosine_similarity(right.flatten(), cheap.flatten(), dim=0) > 0.999
        assert cheap.norm() / right.norm() == pytest.approx(1, abs=0.01)


def published(backbone: nn.Module) -> dict[str, torch.Tensor]:
    """A state dict in the order of a published file, under names of its own, with a classifier behind."""
    names = ((f"_blocks.{i}", value) for i, value in enumerate(backbone.state_dict().values()))
    return OrderedDict([*names, ("_fc.weight", torch.zeros(1000, 1280)), ("_fc.bias", torch.zeros(1000))])


def test_published_weights_are_taken_in_their_order(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = build_backbone("efficientnet_lite0")
    file = tmp_path / "lite0.pth"
    torch.save(published(source), file)
    network = build_backbone("efficientnet_lite0")
    load_initial(network, file, sha256_of(file))
    pixels = torch.randn(1, 3, 64, 64)
    assert torch.equal(network.eval()(pixels), source.eval()(pixels))
    with pytest.raises(BackboneError, match="SHA-256"):
        load_initial(network, file, "0" * 64)


def test_a_run_hands_its_classifier_on(tmp_path: Path) -> None:
    model, other = FrameClassifier("efficientnet_lite0"), FrameClassifier("efficientnet_lite0")
    torch.save({"average": model.state_dict()}, tmp_path / "last.pt")
    load_initial(other.backbone, tmp_path / "last.pt")
    load_classifier(other.classify, [tmp_path / "last.pt"])
    images = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)
    assert torch.equal(other.eval()(images), model.eval()(images))


def test_a_joint_start_is_the_mean_of_its_parts(tmp_path: Path) -> None:
    files = []
    parts = [FrameClassifier(name).eval() for name in ("resnext50_32x4d", "efficientnet_lite0")]
    for number, model in enumerate(parts):
        files.append(str(tmp_path / f"{number}.pt"))
        torch.save({"average": model.state_dict()}, files[-1])
    joint = Recipe(
        "joint", "1", (Phase(64, 1, 2),), "resnext50_efficientnet_lite0", initial_parts=tuple(files)
    )
    images = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)
    mean = torch.stack([model(images) for model in parts]).mean(dim=0)
    assert torch.allclose(first_model(joint).eval()(images), mean, atol=0.02)
    with pytest.raises(BackboneError, match="1 files"):
        first_model(replace(joint, initial_parts=(files[0],)))


def test_frozen_parts_neither_learn_nor_count() -> None:
    model = FrameClassifier("efficientnet_lite0")
    freeze(model.backbone, ["[0-5].*"])
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    learn_mode(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8)).sum().backward()
    optimizer.step()
    changed = {
        name for name, value in model.backbone.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed
    assert not any(name.partition(".")[0] in set("012345") for name in changed)
    with pytest.raises(BackboneError, match=r"'\[xy\]\.\*' matches no parameter"):
        freeze(model.backbone, ["[xy].*"])


@pytest.mark.parametrize("seed", range(8))
def test_a_resampled_face_keeps_its_colours_and_changes_its_finest_structure(
    face: tuple[Image, Landmarks], seed: int
) -> None:
    image, landmarks = face
    fake = resample(image, landmarks, np.random.default_rng(seed))
    assert fake.shape == image.shape
    assert fake.dtype == np.uint8
    assert np.array_equal(fake, resample(image, landmarks, np.random.default_rng(seed)))
    assert 0.2 < np.abs(fake.astype(int) - image).mean() < 12
    assert np.abs(fake.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 4


def test_the_joint_backbone_is_both_of_its_parts() -> None:
    torch.manual_seed(2)
    joint = build_backbone("resnext50_efficientnet_lite0").eval()
    pixels = torch.randn(1, 3, 64, 64)
    features = joint(pixels)
    assert features.shape == (1, BACKBONES["resnext50_efficientnet_lite0"].channels, 2, 2)
    assert torch.equal(features[:, :2048], joint.get_submodule("first")(pixels))
    assert torch.equal(features[:, 2048:], joint.get_submodule("second")(pixels))
