"""The measures of EfficientNet-Lite, for those that build it with torch and those that do without."""

from __future__ import annotations

import math
from dataclasses import dataclass

CHANNELS = 1280  # of the feature map, at every size
STEM = 32
FIRST_BLOCK = 3  # after convolution, norm and activation of the stem
BN_EPSILON = 1e-3

# Per stage: how many blocks, kernel, stride, expansion, output channels (of Lite0).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# How many stages see texture in a network that has them twice; up to a sixteenth of the picture's size.
TEXTURE_STAGES = 5
# Width and depth as multiples of Lite0's.
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}


@dataclass(frozen=True, slots=True)
class BlockShape:
    """An inverted bottleneck. `expansion`: how many times its inputs' channels lie within it."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    expansion: int

    @property
    def residual(self) -> bool:
        """Whether its input is added to its output."""
        return self.stride == 1 and self.inputs == self.outputs


def blocks(size: int) -> list[BlockShape]:
    """The blocks between the stem and the last convolution.

    Args:
        size: 0, 1 or 2; larger ones are wider and deeper.
    """
    width, _ = SCALES[size]
    shapes: list[BlockShape] = []
    inputs = STEM
    for count, (_, kernel, stride, expansion, channels) in zip(_counts(size), STAGES, strict=True):
        outputs = _rounded(channels * width)
        for repeat in range(count):
            shapes.append(BlockShape(inputs, outputs, kernel, stride if repeat == 0 else 1, expansion))
            inputs = outputs
    return shapes


def texture(size: int) -> tuple[int, int]:
    """Number of the last block that sees texture, among `blocks(size)`, and its channels."""
    last = sum(_counts(size)[:TEXTURE_STAGES]) - 1
    return last, blocks(size)[last].outputs


def _counts(size: int) -> list[int]:
    """How many blocks each stage has; the first and the last do not grow."""
    _, depth = SCALES[size]
    first, *inner, last = (count for count, *_ in STAGES)
    return [first, *(math.ceil(count * depth) for count in inner), last]


def _rounded(channels: float) -> int:
    """To a multiple of eight, but not by more than a tenth down."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
