"""Write a trained detector as the site's checkpoint files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from ml_app.detection.checkpoints.files import save_checkpoint
from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata, Preprocessing, Sampling
from ml_app.detection.networks.backbones import BACKBONES
from ml_app.detection.networks.heads import sequence_architecture
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.heads import FittedHead
from ml_app.training.recipe import Recipe

BACKBONE_FILE = "backbone.safetensors"


def head_file(frame_count: int) -> str:
    """The name of a head's file."""
    return f"head-{frame_count}.safetensors"


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """How serving shows a face to a detector of this recipe."""
    spec = BACKBONES[recipe.backbone]
    return Preprocessing(
        image_size=recipe.phases[-1].size, margin=recipe.margin, mean=spec.mean, std=spec.std
    )


def export(
    recipe: Recipe,
    model: FrameClassifier,
    heads: Sequence[FittedHead],
    folder: Path,
    *,
    training_data: str,
    licence: str,
) -> None:
    """Write a detector: one backbone and its heads, in half precision, not yet calibrated.

    Args:
        recipe: For name, version and pre-processing.
        model: The final classifier.
        heads: Trained on this very model.
        folder: Where to; files that are there are replaced.
        training_data: What it learned from, in words.
        licence: And under which terms that is.
    """
    preprocessing = preprocessing_of(recipe)
    backbone = BackboneMetadata(
        name=recipe.name,
        version=recipe.version,
        backbone=recipe.backbone,
        preprocessing=preprocessing,
        training_data=training_data,
        licence=licence,
    )
    save_checkpoint(folder / BACKBONE_FILE, halved(model.backbone.state_dict()), backbone)
    sha256 = sha256_of(folder / BACKBONE_FILE)
    for fitted in heads:
        metadata = HeadMetadata(
            name=recipe.name,
            version=recipe.version,
            architecture=sequence_architecture(recipe.backbone),
            frame_count=fitted.frame_count,
            backbone_sha256=sha256,
            dimensions=asdict(fitted.head.config),
            preprocessing=preprocessing,
            sampling=Sampling("even"),
            training_data=training_data,
            licence=licence,
        )
        tensors = halved(fitted.head.state_dict())
        save_checkpoint(folder / head_file(fitted.frame_count), tensors, metadata)


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors in half precision, counters as they are.

    Raises:
        ValueError: A weight does not fit into half precision.
    """
    result = {}
    for name, tensor in tensors.items():
        result[name] = tensor.half() if tensor.is_floating_point() else tensor
        if not bool(torch.isfinite(result[name]).all()):
            raise ValueError(f"{name} does not fit into half precision")
    return result
