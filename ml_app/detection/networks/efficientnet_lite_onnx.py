"""EfficientNet-Lite for ONNX Runtime, drawn from a checkpoint's weights. Imports no torch.

Batch norms are folded into the convolutions before them: what they do to trained weights is a factor and a
summand for each channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml_app.detection.networks.efficientnet_lite_shape import (
    BN_EPSILON,
    CHANNELS,
    FIRST_BLOCK,
    STEM,
    BlockShape,
    blocks,
    texture,
)
from ml_app.detection.networks.onnx_weights import OnnxDrawing


def draw_lite(drawing: OnnxDrawing, pixels: str, size: int, prefix: str = "") -> str:
    """Draw the network.

    Args:
        drawing: Its graph is drawn into; its weights have the names of `efficientnet_lite.efficientnet_lite`.
        pixels: float32 (N, 3, H, W), normalised, multiples of 32.
        size: 0, 1 or 2.
        prefix: What the weights' names begin with.

    Returns:
        The name of float32 (N, 1280, H/32, W/32).
    """
    lite, shapes = _Lite(drawing), blocks(size)
    value, last = lite.stages(pixels, shapes, prefix), FIRST_BLOCK + len(shapes)
    head = (CHANNELS, shapes[-1].outputs, 1, 1)
    return lite.clip(lite.convolve(value, f"{prefix}{last}", f"{prefix}{last + 1}", head))


def draw_texture(drawing: OnnxDrawing, pixels: str, size: int, prefix: str) -> str:
    """Draw the early stages of another network, which see the picture at half its size (`Textured`).

    Returns:
        The name of float32 (N, texture's channels, H/32, W/32).
    """
    small = drawing.graph.node("AveragePool", [pixels], kernel_shape=[2, 2], strides=[2, 2])
    return _Lite(drawing).stages(small, blocks(size)[: texture(size)[0] + 1], prefix)


class _Lite:
    """What the network is made of."""

    def __init__(self, drawing: OnnxDrawing) -> None:
        self._drawing, self._graph = drawing, drawing.graph
        self._bounds = [drawing.graph.constant(np.array(bound, np.float32)) for bound in (0, 6)]

    def stages(self, pixels: str, shapes: Sequence[BlockShape], prefix: str) -> str:
        """The stem and blocks, of weights whose names begin with `prefix`."""
        stem = (STEM, 3, 3, 3)
        value = self.clip(self.convolve(pixels, f"{prefix}0", f"{prefix}1", stem, stride=2))
        for number, shape in enumerate(shapes, FIRST_BLOCK):
            value = self._block(value, f"{prefix}{number}.layers", shape)
        return value

    def _block(self, given: str, name: str, shape: BlockShape) -> str:
        wide, kernel = shape.inputs * shape.expansion, shape.kernel
        value, at = given, 0
        if shape.expansion > 1:
            value = self.convolve(value, f"{name}.0", f"{name}.1", (wide, shape.inputs, 1, 1))
            value, at = self.clip(value), 3
        depthwise = (wide, 1, kernel, kernel)
        value = self.convolve(
            value, f"{name}.{at}", f"{name}.{at + 1}", depthwise, stride=shape.stride, groups=wide
        )
        value = self.clip(value)
        value = self.convolve(value, f"{name}.{at + 3}", f"{name}.{at + 4}", (shape.outputs, wide, 1, 1))
        return self._graph.node("Add", [value, given]) if shape.residual else value

    def convolve(
        self,
        given: str,
        name: str,
        norm: str,
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        groups: int = 1,
    ) -> str:
        """A convolution with the batch norm after it. Padded as `efficientnet_lite.SameConv` does."""
        kernel = shape[-1]
        weight = self._drawing.take(f"{name}.weight", shape)
        gain, shift, mean, variance = (
            self._drawing.take(f"{norm}.{part}", shape[:1])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        self._drawing.leave(f"{norm}.num_batches_tracked")
        factor = gain / np.sqrt(variance + np.float32(BN_EPSILON))
        folded = self._graph.constant(weight * factor[:, None, None, None])
        bias = self._graph.constant(shift - mean * factor)
        before, after = (kernel - stride) // 2, (kernel - stride) - (kernel - stride) // 2
        return self._graph.node(
            "Conv",
            [given, folded, bias],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )

    def clip(self, given: str) -> str:
        """ReLU6."""
        return self._graph.node("Clip", [given, *self._bounds])
