"""The vision transformer's dimensions, and how pictures and positions are brought to its grid. No torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PATCH = 14  # pixels
GRID = 37  # patches a side, of the learned positions
CHANNELS = 384
DEPTH, HEADS, WIDER = 12, 6, 4
EPSILON = 1e-6  # of the layer norms
STRIDE = 32  # pixels of a crop for each place of its feature map, as of other backbones
CELL = 2  # patches a side for each place: a crop of 192 pixels is seen at 168
CUBIC = -0.75  # the parameter of Keys' kernel that PyTorch and OpenCV take


def positions_to(size: int, grid: int = GRID) -> npt.NDArray[np.float32]:
    """How the learned positions of a row become those of a grid of another size, by cubic convolution.

    As `torch.nn.functional.interpolate(mode="bicubic")`: not smoothed, nearest beyond the border.

    Returns:
        float32 (size, grid); each row adds up to one.
    """
    matrix = np.zeros((size, grid))
    for row in range(size):
        centre = (row + 0.5) * grid / size - 0.5
        first = int(np.floor(centre)) - 1
        for place in range(first, first + 4):
            matrix[row, min(max(place, 0), grid - 1)] += _keys(abs(centre - place))
    return matrix.astype(np.float32)


def _keys(distance: float) -> float:
    if distance <= 1:
        return (CUBIC + 2) * distance**3 - (CUBIC + 3) * distance**2 + 1
    return CUBIC * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0


def pixels_to(size: int, given: int, share: float = 1.0) -> npt.NDArray[np.float32]:
    """How a row of pixels, or that share of it in the middle, becomes a shorter or longer one, linearly.

    Made shorter, each pixel is the mean of those that it covers, weighted by a triangle (as Pillow and
    `interpolate(antialias=True)` do).

    Returns:
        float32 (size, given); each row adds up to one.
    """
    step = given * share / size
    reach, start = max(1.0, step), given * (1 - share) / 2
    centres = start + (np.arange(size) + 0.5) * step - 0.5
    matrix = np.maximum(0, 1 - np.abs(np.arange(given)[None] - centres[:, None]) / reach)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float32)
