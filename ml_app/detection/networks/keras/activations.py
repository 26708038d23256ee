"""Activations by the names of checkpoints, in single precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.layers import Activation
from ml_app.detection.networks.sequence_head_numpy import sigmoid

Array = npt.NDArray[np.float32]


def _elu(values: Array) -> Array:
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))


def _softmax(values: Array) -> Array:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


ACTIVATIONS: Mapping[Activation, Callable[[Array], Array]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, np.float32(0)),
    "elu": _elu,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda values: np.clip(values * np.float32(0.2) + np.float32(0.5), 0, 1),
    "hard_sigmoid_of_keras3": lambda values: np.clip(values / np.float32(6) + np.float32(0.5), 0, 1),
    "softmax": _softmax,
    "swish": lambda values: values * sigmoid(values),
}
