"""BlazeFace for ONNX Runtime, for pictures of any size, written from its weights. Imports no torch.

Bazarevsky, Kartynnik, Vakunov, Raveendran and Grundmann, "BlazeFace: Sub-millisecond Neural Face Detection on
Mobile GPUs", 2019 (arXiv 1907.05047), in the form for back cameras: residual blocks of a depthwise and a
pointwise convolution, then two layers of anchors.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ml_app.detection.networks.onnx_file import OnnxGraph, Sizes

Weights = Mapping[str, npt.NDArray[np.generic]]

BLOCKS = (
    (24, 24, 7),
    (24, 24, 8),
    (24, 48, 8),
    (48, 96, 8),
)  # inputs, outputs, blocks; all but the first halve
STRIDES = (16, 32)  # pixels from anchor to anchor, of the two layers
ANCHORS = (2, 6)  # at one place, of the two layers; all are of the size of the picture the network learned on
VALUES = 16  # of an anchor: centre, width and height of the box, then six points, each as x and y
PICTURE, OUTPUTS = "picture", ("scores_16", "boxes_16", "scores_32", "boxes_32")
_SAME = (1, 1, 1, 1)  # padding of a 3x3 convolution, as top, left, bottom, right
_HALVING = (0, 0, 1, 1)


def blazeface_graph(weights: Weights) -> bytes:
    """The network with its preprocessing, as an ONNX file.

    Args:
        weights: float16 or float32, `stem`, `block.N.depthwise`, `block.N.pointwise`, `last.depthwise`,
            `last.pointwise`, `scores.S` and `boxes.S` for both strides, each with `.weight` and `.bias`.

    Returns:
        A graph from uint8 RGB (N, H, W, 3), H and W multiples of 32, to float32 (N, anchors, H/S, W/S) logits
        and (N, anchors * 16, H/S, W/S) places, in pixels from the middle of the anchor's cell.

    Raises:
        ValueError: Weights are missing, or have other shapes.
    """
    drawing = _Drawing(weights)
    graph = drawing.graph
    value = graph.node("Transpose", [graph.node("Cast", [PICTURE], to=1)], perm=(0, 3, 1, 2))
    half, one = (graph.constant(np.full(1, number, np.float32)) for number in (127.5, 1))
    value = graph.node("Sub", [graph.node("Div", [value, half]), one])
    value = drawing.convolve(value, "stem", (24, 3, 5, 5), pads=(1, 1, 2, 2), strides=(2, 2))
    value, number = graph.node("Relu", [value]), 0
    for stage, (inputs, outputs, count) in enumerate(BLOCKS):
        for place in range(count):
            halves = stage > 0 and place == 0
            channels = (inputs if halves else outputs, outputs)
            value = _block(drawing, value, number, channels=channels, halves=halves)
            number += 1
    last = drawing.separable(value, "last", 96, 96, halves=True)
    wanted: dict[str, Sizes] = {}
    for stride, anchors, features in zip(STRIDES, ANCHORS, (value, graph.node("Relu", [last])), strict=True):
        for kind, size in (("scores", anchors), ("boxes", anchors * VALUES)):
            output = drawing.convolve(
                features, f"{kind}.{stride}", (size, 96, 1, 1), output=f"{kind}_{stride}"
            )
            wanted[output] = ("n", size, f"rows_{stride}", f"columns_{stride}")
    return graph.serialised((PICTURE, np.uint8, ("n", "h", "w", 3)), wanted)


def _block(drawing: _Drawing, value: str, number: int, *, channels: tuple[int, int], halves: bool) -> str:
    graph, (inputs, outputs) = drawing.graph, channels
    change = drawing.separable(value, f"block.{number}", inputs, outputs, halves=halves)
    if halves:
        value = graph.node("MaxPool", [value], kernel_shape=(2, 2), strides=(2, 2))
    if outputs > inputs:  # zeros for the channels that are new
        value = graph.node(
            "Conv", [value, graph.constant(np.eye(outputs, inputs, dtype=np.float32)[..., None, None])]
        )
    return graph.node("Relu", [graph.node("Add", [value, change])])


class _Drawing:
    """A graph and the weights that go into it."""

    def __init__(self, weights: Weights) -> None:
        self.graph = OnnxGraph()
        self._weights = weights

    def separable(self, value: str, name: str, inputs: int, outputs: int, *, halves: bool) -> str:
        """A depthwise and a pointwise convolution."""
        pads, strides = (_HALVING, (2, 2)) if halves else (_SAME, (1, 1))
        value = self.convolve(
            value, f"{name}.depthwise", (inputs, 1, 3, 3), pads=pads, strides=strides, group=inputs
        )
        return self.convolve(value, f"{name}.pointwise", (outputs, inputs, 1, 1))

    def convolve(
        self,
        value: str,
        name: str,
        shape: tuple[int, ...],
        *,
        output: str = "",
        pads: tuple[int, ...] = (0, 0, 0, 0),
        strides: tuple[int, int] = (1, 1),
        group: int = 1,
    ) -> str:
        """A convolution with the weights of a name, which must have a shape."""
        weight, bias = (self._array(f"{name}.{part}") for part in ("weight", "bias"))
        if weight.shape != shape or bias.shape != shape[:1]:
            raise ValueError(f"{name} has the shape {weight.shape}, not {shape}")
        inputs = [value, self.graph.constant(weight), self.graph.constant(bias)]
        return self.graph.node("Conv", inputs, output, pads=pads, strides=strides, group=group)

    def _array(self, name: str) -> npt.NDArray[np.float32]:
        if name not in self._weights:
            raise ValueError(f"{name} is missing")
        return self._weights[name].astype(np.float32)
