"""The backbones that run in ONNX Runtime: each drawn with its preprocessing. Imports no torch.

What a backbone is made of stands in `backbones`; here it is drawn again, and a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.networks.efficientnet_lite_onnx import draw_lite, draw_texture
from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS, SCALES, texture
from ml_app.detection.networks.onnx_file import OnnxGraph, Sizes
from ml_app.detection.networks.onnx_weights import OnnxDrawing, Weights
from ml_app.detection.networks.second_look_shape import (
    SECOND_LOOKS,
    TIGHT_SHARE,
    TIGHT_SIDE,
    SecondShape,
)
from ml_app.detection.networks.vision_transformer_onnx import draw_moments, draw_transformer
from ml_app.detection.networks.vision_transformer_shape import CELL, PATCH, STRIDE, pixels_to
from ml_app.detection.networks.vision_transformer_shape import CHANNELS as TOKEN_CHANNELS

CROPS, FEATURES, EMBEDDINGS = "crops", "features", "embeddings"  # input and outputs

# (drawing, normalised pixels, their side) → names of the feature map's parts, to lie one after another
Draw = Callable[[OnnxDrawing, str, int], list[str]]


def backbone_graph(backbone: str, weights: Weights, preprocessing: Preprocessing) -> bytes:
    """The network with its preprocessing, as an ONNX file.

    Args:
        backbone: Of `SERVED`, by its name in a checkpoint.
        weights: By the names of the module in `backbones`.
        preprocessing: Mean, deviation and size of the crops.

    Returns:
        A graph from uint8 (N, size, size, 3) in the checkpoint's colour order to float32
        (N, channels, size/32, size/32), "features", and their means (N, channels), "embeddings".

    Raises:
        ValueError: The weights are not those of this network.
    """
    drawing, side = OnnxDrawing(weights), preprocessing.image_size
    graph, (draw, channels) = drawing.graph, SERVED[backbone]
    parts = draw(drawing, _normalised(graph, preprocessing), side)
    value = graph.node("Concat", parts, FEATURES, axis=1)
    graph.node("Flatten", [graph.node("GlobalAveragePool", [value])], EMBEDDINGS, axis=1)
    drawing.check_complete()
    wanted: dict[str, Sizes] = {FEATURES: ("n", channels, "rows", "columns"), EMBEDDINGS: ("n", channels)}
    return graph.serialised((CROPS, np.uint8, ("n", side, side, 3)), wanted)


def _normalised(graph: OnnxGraph, preprocessing: Preprocessing) -> str:
    channels = np.array([preprocessing.mean, preprocessing.std], np.float32) * 255
    mean, deviation = (graph.constant(row.reshape(1, 3, 1, 1)) for row in channels)
    pixels = graph.node("Transpose", [graph.node("Cast", [CROPS], to=1)], perm=[0, 3, 1, 2])
    return graph.node("Div", [graph.node("Sub", [pixels, mean]), deviation])


def _lite(size: int) -> Draw:
    return lambda drawing, pixels, side: [draw_lite(drawing, pixels, size)]


def _textured(size: int) -> Draw:
    return lambda drawing, pixels, side: [
        draw_lite(drawing, pixels, size, "main."),
        draw_texture(drawing, pixels, size, "texture."),
    ]


def _second_look(shape: SecondShape) -> Draw:
    """As `second_look.SecondLook`."""

    def draw(drawing: OnnxDrawing, pixels: str, side: int) -> list[str]:
        graph = drawing.graph
        alone = draw_lite(drawing, _resized(graph, pixels, TIGHT_SIDE, side, TIGHT_SHARE), 0, "tight.")
        seen = _resized(graph, pixels, shape.grid * PATCH, side)
        moments = draw_moments(drawing, seen, shape, "transformer.")
        place = graph.numbers([0, TOKEN_CHANNELS, 1, 1])
        return [
            graph.node("GlobalAveragePool", [alone]),
            *(graph.node("Reshape", [moment, place]) for moment in moments),
        ]

    return draw


def _tokens(drawing: OnnxDrawing, pixels: str, side: int) -> list[str]:
    """As `vision_transformer.VisionTransformer`: the tokens of 2 by 2 patches, and that of the whole."""
    graph, cells = drawing.graph, side // STRIDE
    grid = CELL * cells
    patches, whole = draw_transformer(drawing, _resized(graph, pixels, grid * PATCH, side), grid)
    maps = graph.node("Transpose", [patches], perm=[0, 2, 1])
    maps = graph.node("Reshape", [maps, graph.numbers([0, TOKEN_CHANNELS, grid, grid])])
    maps = graph.node("AveragePool", [maps], kernel_shape=[CELL, CELL], strides=[CELL, CELL])
    column = graph.node("Reshape", [whole, graph.numbers([0, TOKEN_CHANNELS, 1, 1])])
    everywhere = graph.node("Expand", [column, graph.numbers([1, 1, cells, cells])])
    return [maps, everywhere]


def _resized(graph: OnnxGraph, pixels: str, size: int, side: int, share: float = 1.0) -> str:
    """As `vision_transformer.resized`, of squares."""
    matrix = pixels_to(size, side, share)
    down = graph.node("MatMul", [graph.constant(matrix), pixels])
    return graph.node("MatMul", [down, graph.constant(np.ascontiguousarray(matrix.T))])


# By the name of the backbone: how it is drawn, and the channels of its feature map.
SERVED: dict[str, tuple[Draw, int]] = {
    **{f"efficientnet_lite{size}": (_lite(size), CHANNELS) for size in SCALES},
    **{
        f"efficientnet_lite{size}_textured": (_textured(size), CHANNELS + texture(size)[1]) for size in SCALES
    },
    "dinov2_small": (_tokens, 2 * TOKEN_CHANNELS),
    **{name: (_second_look(shape), shape.channels) for name, shape in SECOND_LOOKS.items()},
}
