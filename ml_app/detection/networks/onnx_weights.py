"""A checkpoint's weights on their way into an ONNX graph: each is taken once, and none is left. No torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ml_app.detection.networks.onnx_file import OnnxGraph

Array = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


class OnnxDrawing:
    """A graph, and the weights that have gone into it."""

    def __init__(self, weights: Weights) -> None:
        self.graph = OnnxGraph()
        self._left = dict(weights)

    def take(self, name: str, shape: tuple[int, ...]) -> Array:
        """The weights of a name, float32.

        Raises:
            ValueError: There are none, or they are of another shape.
        """
        if name not in self._left:
            raise ValueError(f"{name} is missing")
        weight = self._left.pop(name)
        if weight.shape != shape:
            raise ValueError(f"{name} is {weight.shape}, not {shape}")
        return weight.astype(np.float32)

    def leave(self, name: str) -> None:
        """Pass weights over that serving does not need."""
        self._left.pop(name, None)

    def check_complete(self) -> None:
        """Raise ValueError if weights are left over."""
        if self._left:
            raise ValueError(f"unexpected {', '.join(sorted(self._left)[:3])}")
