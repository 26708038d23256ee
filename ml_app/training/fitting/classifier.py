"""The backbone with a classifier of single frames: what is trained before the sequence heads."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ml_app.detection.networks.backbones import BACKBONES, build_backbone, embed
from ml_app.training.fitting.batches import normalise

SCORING_CHUNK = 32
EVERY = 4  # steps between two updates of the average, which cost as much as a tenth of a step each


class Outputs(NamedTuple):
    """float32 (B,) logits of FAKE and, of a network with a teacher, float32 (B, C, h, w): its guess at the
    teacher's feature map."""

    logits: Tensor
    imitation: Tensor | None


class FrameClassifier(nn.Module):
    """Face crops → embeddings → one logit of FAKE each.

    `imitate`, which only a training with a teacher has, reads the teacher's feature map from the own one.
    """

    def __init__(self, backbone: str, *, pretrained: bool = False, precision: str = "auto") -> None:
        """Build it, from random weights or with ImageNet's, for a recipe's precision.

        Raises:
            BackboneError: The backbone cannot be built here.
        """
        super().__init__()
        self.spec, self.precision = BACKBONES[backbone], precision
        self.backbone = build_backbone(backbone, pretrained=pretrained)
        # Not of texture, which is for its variation over time: by itself it tells pages and cameras apart.
        self.classify = nn.Linear(self.spec.channels - self.spec.texture, 1)
        nn.init.normal_(self.classify.weight, std=0.01)
        nn.init.zeros_(self.classify.bias)
        self.imitate: nn.Conv2d | None = None

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) RGB → float32 logits (B,)."""
        return self.read(self.embeddings(images))

    def outputs(self, images: Tensor) -> Outputs:
        """uint8 (B, 3, H, W) RGB → all that a training's loss looks at."""
        features = self.features(images)
        imitation = None if self.imitate is None else self.imitate(features.float())
        return Outputs(self.read(embed(features)), imitation)

    def read(self, embeddings: Tensor) -> Tensor:
        """float32 (B, channels) → float32 logits (B,)."""
        return self.classify(embeddings[:, : self.classify.in_features]).squeeze(-1)  # type: ignore[no-any-return]

    def embeddings(self, images: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) RGB → float32 (B, channels)."""
        return embed(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) RGB → float (B, channels, h, w)."""
        pixels = normalise(images, self.spec).contiguous(memory_format=torch.channels_last)
        with autocast(images.device, self.precision):
            features: Tensor = self.backbone(pixels)
        return features


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Mixed precision: products in bfloat16, weights and sums in float32.

    Args:
        device: Where the network runs.
        precision: "bfloat16", "float32", or "auto": bfloat16 where the device multiplies it quickly.
    """
    if precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device)):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # older ones only emulate it
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@torch.inference_mode()
def embed_all(model: FrameClassifier, images: Tensor) -> Tensor:
    """Embeddings of many crops, in chunks: uint8 (N, 3, H, W) → float32 (N, channels). Sets `eval`."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat(
        [model.embeddings(chunk.to(device)).cpu() for chunk in torch.split(images, SCORING_CHUNK)]
    )


class Average:
    """A moving average of a model's weights and buffers, which generalises better than the last weights."""

    def __init__(self, model: FrameClassifier, decay: float) -> None:
        self.model = copy.deepcopy(model).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model: FrameClassifier, step: int) -> None:
        """Take in the weights after `step`, counted from 0: every fourth one, and early ones count more."""
        if step % EVERY:
            return
        decay = min(self.decay**EVERY, (1 + step) / (10 + step))
        averaged, current = self.model.state_dict(), model.state_dict()
        floats = [k for k, v in averaged.items() if v.is_floating_point()]
        torch._foreach_lerp_([averaged[k] for k in floats], [current[k] for k in floats], 1 - decay)
        for key, value in averaged.items():
            if not value.is_floating_point():
                value.copy_(current[key])
