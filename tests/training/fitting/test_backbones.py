"""The registry of backbones, the weights they start from, and what serving does with each."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from ml_app.detection.networks.backbones import BACKBONES, BackboneError, build_backbone
from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead
from ml_app.detection.runtime.detector import Detector
from ml_app.training.fitting.backbone import TrainingFailed, fit
from ml_app.training.fitting.batches import Pool
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.heads import FittedHead
from ml_app.training.fitting.initial_weights import load_initial
from ml_app.training.publish import export
from ml_app.training.recipe import Phase, Recipe, RecipeError, load_recipe
from ml_app.training.workflow import load_backbone, split_folders

SIDE = 64
NAMES = ["resnext50_32x4d", "resnet50", "efficientnet_v2_s", "xception"]


@pytest.mark.parametrize("name", [*NAMES, "dinov2_small"])
def test_every_backbone_trains_and_serves_with_heatmaps(name: str, tmp_path: Path) -> None:
    recipe = Recipe(name="small", version="1", backbone=name, phases=(Phase(SIDE, 1, 2),))
    torch.manual_seed(0)
    model = FrameClassifier(name)
    model(torch.randint(0, 255, (2, 3, SIDE, SIDE), dtype=torch.uint8)).sum().backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    head = SequenceHead(HeadConfig(BACKBONES[name].channels, 8, 4))
    torch.nn.init.normal_(head.frame.weight)
    fitted = FittedHead(head, 4, 0, 1.0, 0.0, 0.0)
    export(recipe, model.eval(), [fitted], tmp_path / "small", training_data="none", licence="none")
    detector = Detector.load(tmp_path, "small", 4, "cpu")
    assert detector.info.architecture == f"{name.partition('_')[0]}_lstm"
    assert detector.preprocessing.mean == BACKBONES[name].mean
    crops = [np.random.default_rng(i).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8) for i in range(3)]
    embeddings = detector.embed(crops)
    assert embeddings.shape == (3, BACKBONES[name].channels)
    with torch.inference_mode():
        trained = model.embeddings(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))
    assert torch.nn.functional.cosine_similarity(trained, torch.from_numpy(embeddings)).min() > 0.98
    (heat,) = detector.activations(embeddings, crops[1:2], [1])
    assert heat.shape == (2, 2)
    assert heat.max() > 0


def test_without_timm_xception_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BackboneError, match="requirements-training"):
        build_backbone("xception")


@pytest.mark.parametrize("name", NAMES)
def test_without_a_network_imagenet_weights_say_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(BackboneError, match="initial_weights"):
        build_backbone(name, pretrained=True)


def torchvision_weights(name: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return dict(getattr(models, name)().state_dict())


@pytest.mark.parametrize("name", ["resnext50_32x4d", "efficientnet_v2_s"])
@pytest.mark.parametrize("form", ["torch", "safetensors", "data parallel"])
def test_a_file_of_torchvision_fits(name: str, form: str, tmp_path: Path) -> None:
    weights = torchvision_weights(name)
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pth")
    if form == "safetensors":
        save_file(weights, path)
    elif form == "torch":
        torch.save(weights, path)
    else:
        torch.save({"state_dict": {f"module.{key}": value for key, value in weights.items()}}, path)
    backbone = build_backbone(name)
    unused = load_initial(backbone, path)
    assert {key.removeprefix("module.").split(".")[0] for key in unused} <= {"fc", "classifier"}
    first = {"resnext50_32x4d": "conv1.weight", "efficientnet_v2_s": "features.0.0.weight"}[name]
    assert torch.equal(backbone.state_dict()[next(iter(backbone.state_dict()))], weights[first])
    last, own = (
        [value for key, value in tensors.items() if key.endswith("running_var")][-1]
        for tensors in (weights, backbone.state_dict())
    )
    assert torch.equal(last, own)


def test_a_detector_and_a_published_checkpoint_fit(tmp_path: Path) -> None:
    source = build_backbone("resnet50").state_dict()
    save_file({key: value.contiguous() for key, value in source.items()}, tmp_path / "backbone.safetensors")
    torch.save({f"model.{key}": value for key, value in source.items()}, tmp_path / "published.pt")
    for file in ("backbone.safetensors", "published.pt"):
        backbone = build_backbone("resnet50")
        assert not load_initial(backbone, tmp_path / file)
        assert all(torch.equal(value, source[key]) for key, value in backbone.state_dict().items())


def test_a_file_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path) -> None:
    backbone = build_backbone("resnet50")
    good = {key: value.clone() for key, value in backbone.state_dict().items()}
    cases = {
        "are missing, the first is '0.weight'": {"other.weight": torch.zeros(2)},
        r"'0.weight' is \(1, 3, 7, 7\)": good | {"0.weight": torch.zeros(1, 3, 7, 7)},
        "no numbers": good | {"1.bias": torch.full((64,), float("nan"))},
    }
    for message, content in cases.items():
        torch.save(content, tmp_path / "weights.pt")
        with pytest.raises(BackboneError, match=message):
            load_initial(backbone, tmp_path / "weights.pt")
    with pytest.raises(BackboneError, match="there is no file"):
        load_initial(backbone, tmp_path / "nothing.pt")
    (tmp_path / "text.safetensors").write_text("weights")
    with pytest.raises(BackboneError, match="cannot be read"):
        load_initial(backbone, tmp_path / "text.safetensors")


def test_code_in_a_weights_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"0.weight": Path("harmless"), "print": print}, tmp_path / "weights.pt")
    with pytest.raises(BackboneError, match="plain state dict"):
        load_initial(build_backbone("resnet50"), tmp_path / "weights.pt")


def test_a_recipe_starts_from_a_file_and_resumes_without_it(
    prepared: Path, recipe: Recipe, tmp_path: Path
) -> None:
    torch.manual_seed(11)
    start = FrameClassifier(recipe.backbone).backbone.state_dict()
    path = tmp_path / "start.pt"
    torch.save(start, path)
    recipe = dataclasses.replace(recipe, initial_weights=str(path), learning_rate=1e-9)
    pool = Pool(split_folders(prepared, "train"), recipe.mix)
    fit(recipe, pool, tmp_path / "run", stop_at=2)
    path.unlink()
    model = fit(recipe, pool, tmp_path / "run")
    assert torch.allclose(model.backbone.state_dict()["0.weight"], start["0.weight"], atol=1e-5)


def test_a_run_of_an_earlier_version_goes_on(prepared: Path, recipe: Recipe, tmp_path: Path) -> None:
    pool = Pool(split_folders(prepared, "train"), recipe.mix)
    fit(recipe, pool, tmp_path, stop_at=2)
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    for key in ("pretrained", "initial_weights"):
        del content["recipe"][key]
    torch.save(content, tmp_path / "last.pt")
    with pytest.raises(TrainingFailed, match="step 2 of 8"):
        load_backbone(recipe, tmp_path)
    fit(recipe, pool, tmp_path)
    load_backbone(recipe, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("backbone: resnext51", "no backbone 'resnext51'. Known: resnext50_32x4d, resnet50"),
        ("pretrained: true\ninitial_weights: a.pt", "exclude each other"),
        ("pretrained: 1", "must be of type bool"),
    ],
)
def test_a_wrong_start_is_refused(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: a\nversion: '1'\nphases: [{{size: 32, steps: 10}}]\n{line}\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)
