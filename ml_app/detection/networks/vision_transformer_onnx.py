"""The vision transformer for ONNX Runtime, drawn from a checkpoint's weights. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ml_app.detection.networks.onnx_file import OnnxGraph
from ml_app.detection.networks.onnx_weights import OnnxDrawing
from ml_app.detection.networks.second_look_shape import BLOCKS, SecondShape
from ml_app.detection.networks.vision_transformer_shape import (
    CHANNELS,
    DEPTH,
    EPSILON,
    GRID,
    HEADS,
    PATCH,
    WIDER,
    positions_to,
)


def draw_transformer(drawing: OnnxDrawing, pixels: str, grid: int) -> tuple[str, str]:
    """Draw the network.

    Args:
        drawing: Its graph is drawn into; its weights have the names of
            `vision_transformer.VisionTransformer`.
        pixels: float32 (N, 3, 14 · grid, 14 · grid), normalised.
        grid: Patches a side.

    Returns:
        The names of the patches' tokens, float32 (N, grid · grid, channels), row by row, and of that of the
        whole picture, (N, 1, channels).
    """
    transformer = _Transformer(drawing, "")
    (tokens,) = transformer.after_blocks(pixels, grid, [DEPTH])
    tokens = transformer.norm(tokens, "norm")
    return transformer.cut(tokens, 1, 1 + grid * grid), transformer.cut(tokens, 0, 1)


def draw_moments(drawing: OnnxDrawing, pixels: str, shape: SecondShape, prefix: str) -> list[str]:
    """Draw the first blocks of a second look's transformer, and what is read of them.

    Returns:
        The names of mean and standard deviation over the patches of each region, float32 (N, channels) each,
        by block.
    """
    grid = shape.grid
    transformer, graph = _Transformer(drawing, prefix), drawing.graph
    found = []
    for tokens in transformer.after_blocks(pixels, grid, BLOCKS):
        for top, bottom, left, right in shape.regions:
            places = [1 + row * grid + column for row in range(top, bottom) for column in range(left, right)]
            seen = graph.node("Gather", [tokens, graph.numbers(places)], axis=1)
            found += _mean_and_deviation(graph, seen, len(places))
    for part in ("weight", "bias"):
        drawing.leave(f"{prefix}norm.{part}")  # after the last block, whose tokens nobody asks for
    return found


def _mean_and_deviation(graph: OnnxGraph, tokens: str, count: int) -> list[str]:
    kept = graph.node("ReduceMean", [tokens], axes=[1], keepdims=1)
    apart = graph.node("Sub", [tokens, kept])
    squares = graph.node("ReduceMean", [graph.node("Mul", [apart, apart])], axes=[1], keepdims=0)
    factor = graph.constant(np.array(count / (count - 1), np.float32))
    deviation = graph.node("Sqrt", [graph.node("Mul", [squares, factor])])
    return [graph.node("ReduceMean", [tokens], axes=[1], keepdims=0), deviation]


class _Transformer:
    """What a transformer is made of."""

    def __init__(self, drawing: OnnxDrawing, prefix: str) -> None:
        self._graph, self._drawing, self._prefix = drawing.graph, drawing, prefix
        self._node, self._constant = drawing.graph.node, drawing.graph.constant
        self._heads = drawing.graph.numbers([0, -1, 3, HEADS, CHANNELS // HEADS])
        self._joined = drawing.graph.numbers([0, -1, CHANNELS])

    def after_blocks(self, pixels: str, grid: int, numbers: Sequence[int]) -> list[str]:
        """The tokens after each of these blocks: float32 (N, 1 + grid · grid, channels)."""
        graph, patches = self._graph, grid * grid
        kernel = self._constant(self._take("patch_embed.proj.weight", (CHANNELS, 3, PATCH, PATCH)))
        bias = self._constant(self._take("patch_embed.proj.bias", (CHANNELS,)))
        seen = self._node("Conv", [pixels, kernel, bias], kernel_shape=[PATCH] * 2, strides=[PATCH] * 2)
        seen = self._node("Reshape", [seen, graph.numbers([0, CHANNELS, patches])])
        seen = self._node("Transpose", [seen], perm=[0, 2, 1])
        # One more for each picture: a row of zeros before its patches, filled by what is added to all.
        rows = self._node("Pad", [seen, graph.numbers([0, 1, 0, 0, 0, 0])])
        value = self._node("Add", [rows, self._constant(self._places(grid))])
        found = []
        for number in range(max(numbers)):
            value = self._block(value, f"blocks.{number}.")
            if number + 1 in numbers:
                found.append(value)
        return found

    def _places(self, grid: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """What is added to the tokens: float32 (1, 1 + grid · grid, channels)."""
        learned = self._take("pos_embed", (1, 1 + GRID * GRID, CHANNELS))
        along, square = positions_to(grid), learned[0, 1:].reshape(GRID, GRID, CHANNELS)
        fitted = np.einsum("ai,bj,ijc->abc", along, along, square, optimize=True)
        first = self._take("cls_token", (1, 1, CHANNELS)) + learned[:, :1]
        return np.concatenate([first, fitted.reshape(1, -1, CHANNELS)], axis=1).astype(np.float32)

    def _block(self, tokens: str, name: str) -> str:
        seen = self._attention(self.norm(tokens, f"{name}norm1"), name)
        tokens = self._node("Add", [tokens, seen])
        wide = WIDER * CHANNELS
        inner = self._linear(self.norm(tokens, f"{name}norm2"), f"{name}mlp.fc1", CHANNELS, wide)
        outer = self._linear(self._gelu(inner), f"{name}mlp.fc2", wide, CHANNELS, f"{name}ls2.gamma")
        return self._node("Add", [tokens, outer])

    def _attention(self, tokens: str, name: str) -> str:
        apart = self._linear(tokens, f"{name}attn.qkv", CHANNELS, 3 * CHANNELS)
        apart = self._node("Reshape", [apart, self._heads])
        query, key, value = (
            self._node("Gather", [apart, self._graph.number(part)], axis=2) for part in range(3)
        )
        # (N, tokens, heads, each) → heads before tokens
        query, value = (self._node("Transpose", [part], perm=[0, 2, 1, 3]) for part in (query, value))
        key = self._node("Transpose", [key], perm=[0, 2, 3, 1])
        factor = self._constant(np.array(1 / math.sqrt(CHANNELS // HEADS), np.float32))
        alike = self._node("MatMul", [self._node("Mul", [query, factor]), key])
        mixed = self._node("MatMul", [self._node("Softmax", [alike], axis=-1), value])
        mixed = self._node("Reshape", [self._node("Transpose", [mixed], perm=[0, 2, 1, 3]), self._joined])
        return self._linear(mixed, f"{name}attn.proj", CHANNELS, CHANNELS, f"{name}ls1.gamma")

    def _linear(self, given: str, name: str, inputs: int, outputs: int, scale: str = "") -> str:
        """A layer, and the learned factors of its outputs that follow it."""
        weight = self._take(f"{name}.weight", (outputs, inputs))
        bias = self._take(f"{name}.bias", (outputs,))
        if scale:
            factors = self._take(scale, (outputs,))
            weight, bias = weight * factors[:, None], bias * factors
        product = self._node("MatMul", [given, self._constant(np.ascontiguousarray(weight.T))])
        return self._node("Add", [product, self._constant(bias)])

    def norm(self, given: str, name: str) -> str:
        """A layer norm."""
        gain, shift = (
            self._constant(self._take(f"{name}.{part}", (CHANNELS,))) for part in ("weight", "bias")
        )
        return self._node("LayerNormalization", [given, gain, shift], axis=-1, epsilon=EPSILON)

    def _gelu(self, given: str) -> str:
        root, one, half = (self._constant(np.array(value, np.float32)) for value in (math.sqrt(2), 1.0, 0.5))
        share = self._node("Add", [self._node("Erf", [self._node("Div", [given, root])]), one])
        return self._node("Mul", [self._node("Mul", [given, share]), half])

    def cut(self, tokens: str, start: int, end: int) -> str:
        """Some of the tokens."""
        limits = [self._graph.numbers([value]) for value in (start, end, 1)]
        return self._node("Slice", [tokens, *limits])

    def _take(self, name: str, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return self._drawing.take(self._prefix + name, shape)
