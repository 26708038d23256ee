"""The registry of backbones: networks that turn a face crop into a feature map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ml_app.detection.networks.efficientnet_lite import Textured, efficientnet_lite
from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS, texture
from ml_app.detection.networks.resnet import resnet
from ml_app.detection.networks.second_look import SecondLook
from ml_app.detection.networks.second_look_shape import SECOND_LOOKS
from ml_app.detection.networks.vision_transformer import VisionTransformer
from ml_app.detection.networks.vision_transformer_shape import CHANNELS as TOKEN_CHANNELS

Channels = tuple[float, float, float]  # red, green, blue

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


class BackboneError(RuntimeError):
    """A backbone cannot be built here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """How to build a backbone. `build(pretrained)` returns a module (B, 3, H, W) → (B, channels, h, w).

    `mean` and `std` are those that its ImageNet weights were trained with, of channels scaled to 0..1.
    """

    name: str
    channels: int
    build: Callable[[bool], nn.Module]
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    texture: int = 0  # how many of the last channels are texture, as an early stage saw it


def _torchvision() -> Any:
    # Importing it takes over a second and 150 MB: only where its networks or its weights are wanted.
    from torchvision import models  # noqa: PLC0415

    return models


def _resnext50(pretrained: bool) -> nn.Module:
    network = resnet(groups=32, group_width=4)
    return _filled(network, "ResNeXt50_32X4D_Weights") if pretrained else network


def _resnet50(pretrained: bool) -> nn.Module:
    return _filled(resnet(), "ResNet50_Weights") if pretrained else resnet()


def _filled(network: nn.Sequential, weights: str) -> nn.Module:
    """With torchvision's ImageNet weights, less those of the classifier."""
    named = getattr(_torchvision(), weights).IMAGENET1K_V2.get_state_dict(check_hash=True)
    places = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
    own = {}
    for name, tensor in named.items():
        module, _, rest = name.partition(".")
        if module in places:
            own[f"{places[module]}.{rest}"] = tensor
    network.load_state_dict(own)
    return network


def _efficientnet_v2_s(pretrained: bool) -> nn.Module:
    models = _torchvision()
    weights = models.EfficientNet_V2_S_Weights.IMAGENET1K_V1 if pretrained else None
    features: nn.Module = models.efficientnet_v2_s(weights=weights).features
    return features


def _xception(pretrained: bool) -> nn.Module:
    try:
        import timm  # noqa: PLC0415 - only this backbone needs it
    except ImportError as error:
        raise BackboneError(
            "The backbone 'xception' needs timm: pip install -r requirements-training.txt"
        ) from error
    network: nn.Module = timm.create_model(
        "legacy_xception", pretrained=pretrained, num_classes=0, global_pool=""
    )
    return network


def _dinov2_small(pretrained: bool) -> nn.Module:
    if pretrained:
        raise BackboneError(
            "The weights of 'dinov2_small' are not fetched: give a file of them as initial_weights; "
            "docs/training.md says where one is had."
        )
    return VisionTransformer()


class Joint(nn.Module):
    """Two networks beside each other, whose feature maps follow one another along the channels."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, 3, H, W) → float (B, channels of both, h, w)."""
        return torch.cat([self.first(inputs), self.second(inputs)], dim=1)


BACKBONES: dict[str, BackboneSpec] = {
    "resnext50_32x4d": BackboneSpec("resnext50_32x4d", 2048, _resnext50),
    "resnet50": BackboneSpec("resnet50", 2048, _resnet50),
    "efficientnet_v2_s": BackboneSpec("efficientnet_v2_s", 1280, _efficientnet_v2_s),
    "efficientnet_lite0": BackboneSpec("efficientnet_lite0", CHANNELS, lambda _: efficientnet_lite(0)),
    "efficientnet_lite0_textured": BackboneSpec(
        "efficientnet_lite0_textured",
        CHANNELS + texture(0)[1],
        lambda _: Textured(0),
        texture=texture(0)[1],
    ),
    "resnext50_efficientnet_lite0": BackboneSpec(
        "resnext50_efficientnet_lite0",
        2048 + CHANNELS,
        lambda pretrained: Joint(_resnext50(pretrained), efficientnet_lite(0)),
    ),
    "dinov2_small": BackboneSpec("dinov2_small", 2 * TOKEN_CHANNELS, _dinov2_small),
    **{
        name: BackboneSpec(name, shape.channels, lambda _, name=name: SecondLook(name))  # type: ignore[misc]
        for name, shape in SECOND_LOOKS.items()
    },
    "xception": BackboneSpec("xception", 2048, _xception, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}


def build_backbone(name: str, *, pretrained: bool = False) -> nn.Module:
    """Build a registered backbone without its pool and classifier.

    Args:
        name: A key of `BACKBONES`.
        pretrained: Fetch ImageNet weights (needs the network, or a filled cache of torch).

    Returns:
        A module from float (B, 3, H, W), normalised, to a feature map (B, channels, H/32, W/32).

    Raises:
        KeyError: The name is not registered.
        BackboneError: Its library is missing, or the ImageNet weights cannot be fetched.
    """
    spec = BACKBONES[name]
    if not pretrained:
        return spec.build(False)
    try:
        return spec.build(True)
    except (OSError, RuntimeError) as error:  # urllib's and requests' errors are OSErrors
        if isinstance(error, BackboneError):
            raise
        raise BackboneError(
            f"The ImageNet weights of {name!r} cannot be fetched ({type(error).__name__}). Connect to the "
            "internet once, or give a file of them as initial_weights, or set pretrained to false."
        ) from error


def embed(feature_map: Tensor) -> Tensor:
    """Average a feature map (B, C, h, w) over its area to embeddings (B, C), in float32."""
    return torch.mean(feature_map.float(), dim=(2, 3))
