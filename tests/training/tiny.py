"""A backbone with a few hundred weights, which learns the tests' face in no time."""

from __future__ import annotations

from torch import nn

from ml_app.detection.networks.backbones import BackboneSpec

CHANNELS = 16


def build(pretrained: bool) -> nn.Module:
    """(B, 3, H, W) → (B, 16, H/4, W/4)"""
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, 4, 1, bias=False), nn.BatchNorm2d(CHANNELS), nn.ReLU(inplace=True)
    )


TINY = BackboneSpec("tiny", CHANNELS, build)
