"""The registry of backbones: networks that turn a face crop into a feature map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision import models


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """How to build a backbone. `build(pretrained)` returns a module (B, 3, H, W) → (B, channels, h, w)."""

    name: str
    channels: int
    build: Callable[[bool], nn.Module]


def _resnext50(pretrained: bool) -> nn.Module:
    weights = models.ResNeXt50_32X4D_Weights.IMAGENET1K_V2 if pretrained else None
    network = models.resnext50_32x4d(weights=weights)
    # Everything but the average pool and the classifier.
    return nn.Sequential(*list(network.children())[:-2])


BACKBONES: dict[str, BackboneSpec] = {
    "resnext50_32x4d": BackboneSpec("resnext50_32x4d", 2048, _resnext50),
}


def build_backbone(name: str, *, pretrained: bool = False) -> nn.Module:
    """Build a registered backbone without its pool and classifier.

    Args:
        name: A key of `BACKBONES`.
        pretrained: Fetch ImageNet weights (needs the network).

    Returns:
        A module from float (B, 3, H, W), normalised, to a feature map (B, channels, H/32, W/32).

    Raises:
        KeyError: The name is not registered.
    """
    return BACKBONES[name].build(pretrained)


def embed(feature_map: Tensor) -> Tensor:
    """Average a feature map (B, C, h, w) over its area to embeddings (B, C), in float32."""
    return torch.mean(feature_map.float(), dim=(2, 3))
