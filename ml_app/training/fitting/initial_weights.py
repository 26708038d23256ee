"""Weights to start from: a local file of ImageNet weights, of a detector, or of another training."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.networks.backbones import BackboneError
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.dinov2_onnx import read_dinov2
from ml_app.training.recipe import Recipe

# What files keep a state dict under; of a run's last.pt, the averaged model is the better start.
WRAPPERS = ("average", "state_dict", "model_state_dict", "model")
PREFIXES = re.compile(r"^(module\.|model\.|backbone\.|encoder\.|features\.|network\.)+")
# Names of torchvision's and timm's ResNets, by their place in the sequence of their children.
RESNET = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


def load_initial(backbone: nn.Module, path: Path, sha256: str = "") -> list[str]:
    """Fill a backbone with weights from a file.

    Names are matched without the usual prefixes, and ResNets also by torchvision's names, so these all do:
    a detector's `backbone.safetensors`, torchvision's and timm's ImageNet files, published deepfake
    checkpoints and a run's `last.pt`. What else the file holds, such as a classifier, is left. Where not one
    name is known, tensors are taken by their order, so published weights of EfficientNet-Lite do as well.

    Args:
        backbone: From `build_backbone`.
        path: A safetensors file, or a state dict of torch, which is read without running code from it.
        sha256: The file's, where it matters; it is not looked at if empty.

    Returns:
        The names in the file that were not used.

    Raises:
        BackboneError: The file cannot be read or does not fit; says what is missing or of another shape.
    """
    content = _read(path)
    if sha256 and sha256_of(path) != sha256:
        raise BackboneError(f"{path.name} is not the file that the recipe means: its SHA-256 differs")
    wanted = backbone.state_dict()
    if not any(_own_name(name, wanted) for name in content) and _same_shapes(content, wanted):
        content = dict(zip(wanted, content.values(), strict=False))
    found: dict[str, Tensor] = {}
    unused = []
    for name, tensor in content.items():
        own = _own_name(name, wanted)
        if own is None:
            unused.append(name)
        else:
            found[own] = tensor
    missing = [name for name in wanted if name not in found and not name.endswith("num_batches_tracked")]
    if missing:
        raise BackboneError(
            f"{path.name} does not fit the backbone: {len(missing)} of {len(wanted)} tensors are missing, "
            f"the first is {missing[0]!r}; the file has {', '.join(unused[:3]) or 'nothing else'} …"
        )
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise BackboneError(
                f"{path.name} does not fit the backbone: {name!r} is {tuple(tensor.shape)}, "
                f"{tuple(wanted[name].shape)} is needed"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise BackboneError(f"{path.name}: {name!r} holds values that are no numbers")
    backbone.load_state_dict(found, strict=False)
    return unused


def _same_shapes(content: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    pairs = zip(content.values(), wanted.values(), strict=False)
    return len(content) >= len(wanted) and all(one.shape == other.shape for one, other in pairs)


def load_classifier(classify: nn.Linear, paths: Sequence[Path], shares: Sequence[float] = (1.0,)) -> None:
    """Take over the classifier of single frames too, where the files have one.

    Args:
        classify: Of as many channels as those of the files together.
        paths: Of runs, whose embeddings follow one another; another file's part is zero.
        shares: Of each in the logit.
    """
    weights, bias = [], torch.zeros(1)
    for path, share in zip(paths, shares, strict=True):
        content = _read(path)
        weight = content.get("classify.weight")
        if weight is None:
            return
        weights.append(weight * share)
        bias = bias + content["classify.bias"] * share
    joined = torch.cat(weights, dim=1)
    if joined.shape == classify.weight.shape:
        classify.load_state_dict({"weight": joined, "bias": bias})


def first_model(recipe: Recipe) -> FrameClassifier:
    """The model that a recipe starts from.

    Raises:
        BackboneError: It cannot be built here, or its weights cannot be had.
    """
    model = FrameClassifier(recipe.backbone, pretrained=recipe.pretrained, precision=recipe.precision)
    if recipe.initial_weights:
        path = Path(recipe.initial_weights)
        load_initial(model.backbone, path, recipe.initial_sha256)
        load_classifier(model.classify, [path])
    if recipe.initial_parts:
        parts = [Path(part) for part in recipe.initial_parts]
        networks = list(model.backbone.children())
        if len(networks) != len(parts):
            raise BackboneError(
                f"initial_parts: {len(parts)} files, but {recipe.backbone} has {len(networks)}"
            )
        hashes = recipe.initial_parts_sha256 or ("",) * len(parts)
        for network, path, sha256 in zip(networks, parts, hashes, strict=True):
            load_initial(network, path, sha256)
        load_classifier(model.classify, parts, [1 / len(parts)] * len(parts))
    return model


def _own_name(name: str, wanted: Mapping[str, Tensor]) -> str | None:
    if name in wanted:
        return name
    bare = PREFIXES.sub("", name)
    first, _, rest = bare.partition(".")
    if first in RESNET and f"{RESNET[first]}.{rest}" in wanted:
        return f"{RESNET[first]}.{rest}"
    return bare if bare in wanted else None


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise BackboneError(f"initial_weights: there is no file {path}")
    if path.suffix == ".onnx":
        return read_dinov2(path)
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise BackboneError(
            f"{path.name} cannot be read: it must be safetensors or a plain state dict of torch "
            f"({type(error).__name__})"
        ) from error
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise BackboneError(f"{path.name} holds no state dict")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
