"""EfficientNet-Lite: EfficientNet (Tan and Le, arXiv 1905.11946) without squeeze-and-excitation, with ReLU6.

Small enough to learn from many crops on a few CPU cores. Parameters stand in the order of the published
networks, so that their weights can be taken over one by one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_app.detection.networks.efficientnet_lite_shape import (
    BN_EPSILON,
    CHANNELS,
    FIRST_BLOCK,
    STEM,
    BlockShape,
    blocks,
    texture,
)


class SameConv(nn.Conv2d):
    """A convolution whose input is padded so that the output is its size over the stride.

    With a stride of two and an even input, one more row and column is added below and to the right than
    above and to the left: so the published weights were trained.
    """

    def forward(self, input: Tensor) -> Tensor:
        """float (B, C, H, W) → float (B, C', H / stride, W / stride)."""
        total = self.kernel_size[0] - self.stride[0]
        if self.stride[0] > 1 and total > 0:
            before, after = total // 2, total - total // 2
            input = functional.pad(input, (before, after, before, after))
        learns = input.requires_grad or self.weight.requires_grad
        if self.groups > 1 and learns and torch.is_grad_enabled() and torch.is_autocast_enabled("cpu"):
            half = torch.get_autocast_dtype("cpu")
            result: Tensor = _Depthwise.apply(
                input.to(half), self.weight.to(half), self.stride[0], self.padding[0]
            )
            return result
        return super().forward(input)


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution in half precision whose gradients are cheap on a CPU.

    The library's own take most of a training's time there: for the input with a stride of two, and for the
    weights. The former is worked out as a convolution of the spread gradient, the latter in float32.
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(pixels, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(pixels, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,), (pixels, weight) = gradients, ctx.saved_tensors
        stride, padding, reach = ctx.stride, ctx.padding, weight.shape[-1] - 1
        of_pixels, of_weight = None, None
        if ctx.needs_input_grad[0]:
            spread = gradient
            if stride > 1:
                batch, channels, height, width = pixels.shape
                side = (height + 2 * padding - reach, width + 2 * padding - reach)
                spread = gradient.new_zeros(batch, channels, *side)
                spread = spread.contiguous(memory_format=torch.channels_last)
                spread[:, :, ::stride, ::stride] = gradient
            turned = weight.flip(2, 3)
            of_pixels = functional.conv2d(spread, turned, None, 1, reach - padding, 1, len(weight))
        if ctx.needs_input_grad[1]:
            of_weight = torch.ops.aten.convolution_backward(
                gradient.float(),
                pixels.float(),
                weight.float(),
                None,
                [stride] * 2,
                [padding] * 2,
                [1, 1],
                False,
                [0, 0],
                len(weight),
                [False, True, False],
            )[1].to(weight.dtype)
        return of_pixels, of_weight, None, None


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    padding = kernel // 2 if stride == 1 else 0
    convolution = SameConv(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs, eps=BN_EPSILON)]


class Block(nn.Module):
    """An inverted bottleneck: widen, filter each channel by itself, narrow; added to its input if it can."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        wide = shape.inputs * shape.expansion
        layers = [*_conv(shape.inputs, wide, 1), nn.ReLU6(inplace=True)] if shape.expansion > 1 else []
        layers += [*_conv(wide, wide, shape.kernel, shape.stride, wide), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, *_conv(wide, shape.outputs, 1))
        self.residual = shape.residual

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, C, H, W) → float (B, C', H / stride, W / stride)."""
        result: Tensor = self.layers(inputs)
        return result + inputs if self.residual else result


class Textured(nn.Module):
    """EfficientNet-Lite beside the early stages of another, which see the picture at half its size.

    The feature map of the first, `main`, is followed by that of the second, `texture`. The latter is meant to
    stay as ImageNet left it: how it varies over time is read (`variation`), and of stages that were taught on
    the same clips the variation would repeat what they know of every frame.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.main = efficientnet_lite(size)
        self.texture = efficientnet_lite(size)[: FIRST_BLOCK + texture(size)[0] + 1]

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, 3, H, W), multiples of 32 → float (B, 1280 + texture's channels, H/32, W/32)."""
        seen = self.texture(functional.avg_pool2d(inputs, 2))
        return torch.cat([self.main(inputs), seen], dim=1)


def efficientnet_lite(size: int) -> nn.Sequential:
    """Build EfficientNet-Lite without pool and classifier, with random weights.

    Args:
        size: 0, 1 or 2; larger ones are wider and deeper.

    Returns:
        A module from float (B, 3, H, W), H and W multiples of 32, to (B, 1280, H/32, W/32).
    """
    shapes = blocks(size)
    return nn.Sequential(
        *_conv(3, STEM, 3, 2),
        nn.ReLU6(inplace=True),
        *(Block(shape) for shape in shapes),
        *_conv(shapes[-1].outputs, CHANNELS, 1),
        nn.ReLU6(inplace=True),
    )
