"""A sequential network over the landmarks of one person, from frames to a logit. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.layers import Layer
from ml_app.detection.networks.keras.activations import Array
from ml_app.detection.networks.keras.layers import Function, Shape, build_layer

ARCHITECTURE = "keras_sequential"  # of heads
LANDMARKS = "landmarks68_minmax"  # the `backbone` of such a detector: the range that landmarks are scaled by
POINTS = 136  # numbers of a frame: x and y of each of 68 points in turn
LARGEST = 1 << 18  # numbers between two layers; what is larger is no network over landmarks

LABELS = (("fake",), ("real",), ("real", "fake"), ("fake", "real"))  # meanings of one or two outputs


class LandmarkRange:
    """The smallest and largest landmarks of the training set, which become 0 and 1."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Out of a checkpoint's arrays.

        Args:
            weights: `minimum` and `maximum`, float64 (T, 136), or (1, 136) for all frames.

        Raises:
            ValueError: They have other names or shapes, or a range is empty.
        """
        found = {name: weight.shape for name, weight in weights.items()}
        shape = found.get("minimum", ())
        if found != {"minimum": shape, "maximum": shape} or shape[1:] != (POINTS,):
            raise ValueError(f"the weights are {found}")
        self._minimum = weights["minimum"].astype(np.float64)
        self._extent = weights["maximum"].astype(np.float64) - self._minimum
        if not (np.isfinite(self._extent) & (self._extent > 0)).all():
            raise ValueError("a maximum is not above its minimum")

    def scale(self, points: npt.NDArray[np.floating]) -> Array:
        """(..., T, 136) in pixels of the frame → float32 of that shape, 0..1 within the training's range.

        Raises:
            ValueError: There are other frames than the range has.
        """
        return np.asarray((points - self._minimum) / self._extent, dtype=np.float32)


class KerasSequential:
    """The landmarks of one person, frame by frame → a logit of FAKE for all of them together."""

    def __init__(
        self,
        layers: Sequence[Layer],
        weights: Mapping[str, npt.NDArray[np.generic]],
        labels: Sequence[str],
        frames: int,
    ) -> None:
        """Fill it.

        Args:
            layers: From the landmarks to the outputs before the sigmoid or softmax.
            weights: By `<number of the layer>.<name>`.
            labels: What the outputs stand for, one of `LABELS`. A single one is a logit of what it names.
            frames: How many frames the network reads.

        Raises:
            ValueError: These do not belong together; the message names the layer.
        """
        self._functions: list[Function] = []
        shape: Shape = (frames, POINTS)
        parts = [_named(name) for name in weights]
        if any(not 0 <= number < len(layers) for number, _ in parts):
            raise ValueError("there are weights of no layer")
        for number, layer in enumerate(layers):
            mine = {
                name: weights[f"{number}.{name}"].astype(np.float32)
                for owner, name in parts
                if owner == number
            }
            try:
                function, shape = build_layer(layer, mine, shape)
            except ValueError as error:
                raise ValueError(f"The layer {layer.name!r} ({layer.kind}) does not fit: {error}.") from error
            if math.prod(shape) > LARGEST:
                raise ValueError(f"The layer {layer.name!r} ({layer.kind}) gives {shape} numbers: too many.")
            self._functions.append(function)
        if tuple(labels) not in LABELS or shape != (len(labels),):
            raise ValueError(f"There are outputs {shape} for the labels {tuple(labels)}.")
        self._signs = np.array([1 if label == "fake" else -1 for label in labels], np.float32)

    def logits(self, scaled: Array) -> Array:
        """Score sequences of frames.

        Args:
            scaled: float32 (N, frames, 136), from `LandmarkRange.scale`.

        Returns:
            float32 (N,). Of two outputs their difference, whose sigmoid is the softmax of FAKE.
        """
        values = scaled
        for function in self._functions:
            values = function(values)
        return np.asarray(values @ self._signs, dtype=np.float32)


def _named(name: str) -> tuple[int, str]:
    number, _, weight = name.partition(".")
    return (int(number) if number.isascii() and number.isdigit() else -1), weight
