"""A finished network that another one learns from (Hinton et al., arXiv 1503.02531), its feature map too.

Labels say one bit about a face. The feature map of a network that has learned them says thousands of numbers
about every place of it (Romero et al., ICLR 2015): a large network without weights to start from learns
from it far quicker.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_app.detection.checkpoints.files import load_tensors, read_metadata
from ml_app.detection.checkpoints.manifest import MANIFEST, open_folder
from ml_app.detection.checkpoints.metadata import BackboneMetadata
from ml_app.detection.networks.backbones import BackboneError, embed
from ml_app.training.fitting.classifier import FrameClassifier

# Of a teacher's channel, by the mean of all: one that is silent must not outweigh the others.
LEAST_DEVIATION = 0.1


class Teacher(nn.Module):
    """A classifier that learns no more. Texture, which is for its variation over time, is not taught."""

    def __init__(self, model: FrameClassifier) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.channels = model.classify.in_features

    @torch.no_grad()
    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (B, 3, H, W) RGB → float32 (B, channels, h, w) and logits (B,)."""
        features = self.model.features(images)[:, : self.channels].float()
        return features, self.model.read(embed(features))


def load_teacher(folder: Path) -> Teacher:
    """The averaged model of a run, or an installed detector's, whose head reads single frames.

    Raises:
        BackboneError: There is neither, or the detector's head reads frames in another way.
        CheckpointError: The detector cannot be read.
    """
    if (folder / MANIFEST).is_file():
        return Teacher(_of_detector(folder))
    path = folder / "last.pt"
    if not path.is_file():
        raise BackboneError(f"teacher: {folder} holds neither a training nor a detector; train it first")
    content = torch.load(path, map_location="cpu", weights_only=True)
    model = FrameClassifier(content["recipe"]["backbone"])
    model.load_state_dict(of_model(content["average"]))
    return Teacher(model)


def of_model(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A training's weights without what only imitates its teacher."""
    return {name: tensor for name, tensor in weights.items() if not name.startswith("imitate.")}


def imitation_loss(imitation: Tensor, features: Tensor) -> Tensor:
    """Mean squared distance of feature maps, each channel in units of the teacher's deviation in the batch.

    Args:
        imitation: float (B, C, h, w), the learner's guess.
        features: float (B, C, H, W), the teacher's, averaged to the learner's places.
    """
    height, width = imitation.shape[2:]
    wanted = functional.adaptive_avg_pool2d(features, (height, width))
    deviation = wanted.std(dim=(0, 2, 3), keepdim=True)
    least = LEAST_DEVIATION * float(deviation.mean()) or 1.0  # a teacher that says nothing at all
    return (((imitation - wanted) / deviation.clamp_min(least)) ** 2).mean()


def _of_detector(folder: Path) -> FrameClassifier:
    found = open_folder(folder.parent, folder.name)
    model = FrameClassifier(read_metadata(found.backbone.path, BackboneMetadata).backbone)
    model.backbone.load_state_dict(load_tensors(found.backbone))
    head = load_tensors(next(iter(found.heads.values())))
    read = {name: head.get(f"frame.{name}") for name in ("weight", "bias")}
    if any(tensor is None for tensor in read.values()):
        raise BackboneError(f"teacher: the heads of {folder.name} do not read single frames")
    model.classify.load_state_dict({name: t for name, t in read.items() if t is not None})
    return model
