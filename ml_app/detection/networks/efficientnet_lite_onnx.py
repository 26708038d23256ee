"""EfficientNet-Lite for ONNX Runtime, written from a checkpoint's weights. Imports no torch.

Batch norms are folded into the convolutions before them: what they do to trained weights is a factor and a
summand for each channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.networks.efficientnet_lite_shape import (
    BN_EPSILON,
    CHANNELS,
    FIRST_BLOCK,
    SCALES,
    STEM,
    BlockShape,
    blocks,
    texture,
)
from ml_app.detection.networks.onnx_file import OnnxGraph, Sizes

Array = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]

CROPS, FEATURES, EMBEDDINGS = "crops", "features", "embeddings"  # input and outputs
TEXTURED = "_textured"  # at the end of a backbone's name: with the early stages of another beside it
SIZES = {f"efficientnet_lite{size}{kind}": size for size in SCALES for kind in ("", TEXTURED)}


def lite_graph(backbone: str, weights: Weights, preprocessing: Preprocessing) -> bytes:
    """The network with its preprocessing, as an ONNX file.

    Args:
        backbone: Of `SIZES`, by its name in a checkpoint.
        weights: By the names of `efficientnet_lite.efficientnet_lite`.
        preprocessing: Mean, deviation and size of the crops.

    Returns:
        A graph from uint8 (N, size, size, 3) in the checkpoint's colour order to float32
        (N, channels, size/32, size/32), "features", and their means (N, channels), "embeddings".

    Raises:
        ValueError: The weights are not those of this network.
    """
    drawing = _Drawing(weights)
    size, textured = SIZES[backbone], backbone.endswith(TEXTURED)
    graph, shapes = drawing.graph, blocks(size)
    pixels = _normalised(graph, preprocessing)
    prefix = "main." if textured else ""
    value, last = _stages(drawing, pixels, shapes, prefix), FIRST_BLOCK + len(shapes)
    head = (CHANNELS, shapes[-1].outputs, 1, 1)
    value = drawing.convolve(value, f"{prefix}{last}", f"{prefix}{last + 1}", head)
    value = drawing.clip(value, "" if textured else FEATURES)
    if textured:
        small = graph.node("AveragePool", [pixels], kernel_shape=[2, 2], strides=[2, 2])
        seen = _stages(drawing, small, shapes[: texture(size)[0] + 1], "texture.")
        value = graph.node("Concat", [value, seen], FEATURES, axis=1)
    graph.node("Flatten", [graph.node("GlobalAveragePool", [value])], EMBEDDINGS, axis=1)
    drawing.check_complete()
    side, channels = preprocessing.image_size, CHANNELS + (texture(size)[1] if textured else 0)
    wanted: dict[str, Sizes] = {FEATURES: ("n", channels, "rows", "columns"), EMBEDDINGS: ("n", channels)}
    return graph.serialised((CROPS, np.uint8, ("n", side, side, 3)), wanted)


def _stages(drawing: _Drawing, pixels: str, shapes: Sequence[BlockShape], prefix: str) -> str:
    """The stem and blocks, of weights whose names begin with `prefix`."""
    stem = (STEM, 3, 3, 3)
    value = drawing.clip(drawing.convolve(pixels, f"{prefix}0", f"{prefix}1", stem, stride=2))
    for number, shape in enumerate(shapes, FIRST_BLOCK):
        value = _block(drawing, value, f"{prefix}{number}.layers", shape)
    return value


def _normalised(graph: OnnxGraph, preprocessing: Preprocessing) -> str:
    channels = np.array([preprocessing.mean, preprocessing.std], np.float32) * 255
    mean, deviation = (graph.constant(row.reshape(1, 3, 1, 1)) for row in channels)
    pixels = graph.node("Transpose", [graph.node("Cast", [CROPS], to=1)], perm=[0, 3, 1, 2])
    return graph.node("Div", [graph.node("Sub", [pixels, mean]), deviation])


def _block(drawing: _Drawing, given: str, name: str, shape: BlockShape) -> str:
    wide, kernel = shape.inputs * shape.expansion, shape.kernel
    value, at = given, 0
    if shape.expansion > 1:
        value = drawing.convolve(value, f"{name}.0", f"{name}.1", (wide, shape.inputs, 1, 1))
        value, at = drawing.clip(value), 3
    depthwise = (wide, 1, kernel, kernel)
    value = drawing.convolve(
        value, f"{name}.{at}", f"{name}.{at + 1}", depthwise, stride=shape.stride, groups=wide
    )
    value = drawing.clip(value)
    value = drawing.convolve(value, f"{name}.{at + 3}", f"{name}.{at + 4}", (shape.outputs, wide, 1, 1))
    return drawing.graph.node("Add", [value, given]) if shape.residual else value


class _Drawing:
    """A graph, and the weights that have gone into it."""

    def __init__(self, weights: Weights) -> None:
        self.graph = OnnxGraph()
        self._left = dict(weights)
        self._bounds = [self.graph.constant(np.array(bound, np.float32)) for bound in (0, 6)]

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
        weight = self._take(f"{name}.weight", shape)
        gain, shift, mean, variance = (
            self._take(f"{norm}.{part}", shape[:1])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        self._left.pop(f"{norm}.num_batches_tracked", None)
        factor = gain / np.sqrt(variance + np.float32(BN_EPSILON))
        folded = self.graph.constant(weight * factor[:, None, None, None])
        bias = self.graph.constant(shift - mean * factor)
        before, after = (kernel - stride) // 2, (kernel - stride) - (kernel - stride) // 2
        return self.graph.node(
            "Conv",
            [given, folded, bias],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )

    def clip(self, given: str, output: str = "") -> str:
        """ReLU6."""
        return self.graph.node("Clip", [given, *self._bounds], output)

    def check_complete(self) -> None:
        """Raise ValueError if weights are left over."""
        if self._left:
            raise ValueError(f"unexpected {', '.join(sorted(self._left)[:3])}")

    def _take(self, name: str, shape: tuple[int, ...]) -> Array:
        if name not in self._left:
            raise ValueError(f"{name} is missing")
        weight = self._left.pop(name)
        if weight.shape != shape:
            raise ValueError(f"{name} is {weight.shape}, not {shape}")
        return weight.astype(np.float32)
