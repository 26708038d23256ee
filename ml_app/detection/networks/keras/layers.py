"""Layers: from their description and weights to a function, with Keras' own semantics.

Sequences are (steps, channels), "same" pads as TensorFlow does (the odd one at the end), and the gates of an
LSTM lie in the order input, forget, cell, output. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ml_app.detection.checkpoints.layers import Kind, Layer
from ml_app.detection.networks.keras.activations import ACTIVATIONS, Array

Shape = tuple[int, ...]  # without the batch
Weights = Mapping[str, Array]
Function = Callable[[Array], Array]  # (N, *shape) → (N, *other shape), float32
Built = tuple[Function, Shape]


def build_layer(layer: Layer, weights: Weights, shape: Shape) -> Built:
    """Make a layer's function.

    Args:
        layer: What it is.
        weights: By Keras' names of them, such as "kernel"; float32.
        shape: Of one input.

    Returns:
        The function, from float32 (N, *shape), and the shape of one output.

    Raises:
        ValueError: The layer does not fit the input or the weights; the message says how.
    """
    if not layer.each_step:
        return _BUILDERS[layer.kind](layer, weights, shape)
    if len(shape) < 2:
        raise ValueError(f"it wants a sequence and is given {shape}")
    inner, of_step = build_layer(replace(layer, each_step=False), weights, shape[1:])

    def run(inputs: Array) -> Array:
        outputs = inner(inputs.reshape(-1, *shape[1:]))
        return outputs.reshape(-1, shape[0], *of_step)

    return run, (shape[0], *of_step)


def _check(weights: Weights, shapes: Mapping[str, Shape]) -> None:
    found = {name: weight.shape for name, weight in weights.items()}
    if found != shapes:
        raise ValueError(f"its weights are {found}, and {dict(shapes)} are needed")


def _sequence(shape: Shape) -> tuple[int, int]:
    if len(shape) != 2:
        raise ValueError(f"it wants a sequence (steps, channels) and is given {shape}")
    return shape[0], shape[1]


def _windows(layer: Layer, length: int) -> tuple[tuple[int, int], int]:
    """How many steps are added before and after, and how many come out."""
    reach = (layer.kernel_size - 1) * layer.dilation + 1
    if layer.padding == "same":
        steps = -(-length // layer.strides)
        added = max((steps - 1) * layer.strides + reach - length, 0)
        return (added // 2, added - added // 2), steps
    before = reach - 1 if layer.padding == "causal" else 0
    steps = (length + before - reach) // layer.strides + 1
    if steps < 1:
        raise ValueError(f"it looks at {reach} steps at once and is given {length}")
    return (before, 0), steps


def _reshape(layer: Layer, weights: Weights, shape: Shape) -> Built:
    _check(weights, {})
    target = layer.target_shape
    if target.count(-1) == 1 and (known := -math.prod(target)) > 0 and not math.prod(shape) % known:
        target = tuple(math.prod(shape) // known if size == -1 else size for size in target)
    if min(target, default=0) < 1 or math.prod(target) != math.prod(shape):
        raise ValueError(f"it wants to make {layer.target_shape} of {shape}")
    return lambda inputs: inputs.reshape(-1, *target), target


def _flatten(layer: Layer, weights: Weights, shape: Shape) -> Built:
    return _reshape(replace(layer, target_shape=(math.prod(shape),)), weights, shape)


def _activation(layer: Layer, weights: Weights, shape: Shape) -> Built:
    _check(weights, {})
    return ACTIVATIONS[layer.activation], shape


def _dense(layer: Layer, weights: Weights, shape: Shape) -> Built:
    needed: dict[str, Shape] = {"kernel": (shape[-1], layer.units)}
    _check(weights, needed | ({"bias": (layer.units,)} if layer.use_bias else {}))
    kernel, bias = weights["kernel"], weights.get("bias", np.float32(0))
    activation = ACTIVATIONS[layer.activation]
    return lambda inputs: activation(inputs @ kernel + bias), (*shape[:-1], layer.units)


def _conv1d(layer: Layer, weights: Weights, shape: Shape) -> Built:
    length, channels = _sequence(shape)
    needed: dict[str, Shape] = {"kernel": (layer.kernel_size, channels, layer.units)}
    _check(weights, needed | ({"bias": (layer.units,)} if layer.use_bias else {}))
    kernel, bias = weights["kernel"], weights.get("bias", np.float32(0))
    around, steps = _windows(layer, length)
    end = (steps - 1) * layer.strides + 1
    activation = ACTIVATIONS[layer.activation]

    def run(inputs: Array) -> Array:
        padded = np.pad(inputs, ((0, 0), around, (0, 0)))
        total = np.zeros((len(inputs), steps, layer.units), np.float32)
        for at, weight in enumerate(kernel):
            first = at * layer.dilation
            total += padded[:, first : first + end : layer.strides] @ weight
        return activation(total + bias)

    return run, (steps, layer.units)


def _max_pooling1d(layer: Layer, weights: Weights, shape: Shape) -> Built:
    _check(weights, {})
    length, channels = _sequence(shape)
    around, steps = _windows(layer, length)
    end = (steps - 1) * layer.strides + 1

    def run(inputs: Array) -> Array:
        padded = np.pad(inputs, ((0, 0), around, (0, 0)), constant_values=-np.inf)
        highest = padded[:, : end : layer.strides]
        for at in range(1, layer.kernel_size):
            highest = np.maximum(highest, padded[:, at : at + end : layer.strides])
        return highest

    return run, (steps, channels)


def _global_average_pooling1d(layer: Layer, weights: Weights, shape: Shape) -> Built:
    _check(weights, {})
    return lambda inputs: inputs.mean(axis=1), _sequence(shape)[1:]


def _global_max_pooling1d(layer: Layer, weights: Weights, shape: Shape) -> Built:
    _check(weights, {})
    return lambda inputs: inputs.max(axis=1), _sequence(shape)[1:]


def _batch_normalization(layer: Layer, weights: Weights, shape: Shape) -> Built:
    if layer.axis not in (-1, len(shape)):
        raise ValueError(f"it normalises the axis {layer.axis}, and the last is known")
    learned = {name: weights[name] for name in ("gamma", "beta") if name in weights}  # either may be left out
    needed = dict.fromkeys(("moving_mean", "moving_variance", *learned), (shape[-1],))
    _check(weights, needed)
    if not (weights["moving_variance"] + layer.epsilon > 0).all():
        raise ValueError("its moving variance is not positive")
    spread = np.sqrt(weights["moving_variance"].astype(np.float64) + layer.epsilon)
    slope = learned.get("gamma", np.float32(1)) / spread
    offset = learned.get("beta", np.float32(0)) - weights["moving_mean"] * slope
    scale, shift = slope.astype(np.float32), offset.astype(np.float32)
    return lambda inputs: inputs * scale + shift, shape


def _lstm(layer: Layer, weights: Weights, shape: Shape) -> Built:
    length, channels = _sequence(shape)
    units = layer.units
    needed: dict[str, Shape] = {"kernel": (channels, 4 * units), "recurrent_kernel": (units, 4 * units)}
    _check(weights, needed | ({"bias": (4 * units,)} if layer.use_bias else {}))
    kernel, onwards, bias = weights["kernel"], weights["recurrent_kernel"], weights.get("bias", np.float32(0))
    gate, activation = ACTIVATIONS[layer.recurrent_activation], ACTIVATIONS[layer.activation]

    def run(inputs: Array) -> Array:
        driven = inputs[:, :: -1 if layer.go_backwards else 1] @ kernel + bias
        output = cell = np.zeros((len(inputs), units), np.float32)
        states = []
        for t in range(length):
            let_in, kept, proposed, shown = np.split(driven[:, t] + output @ onwards, 4, axis=-1)
            cell = gate(kept) * cell + gate(let_in) * activation(proposed)
            output = gate(shown) * activation(cell)
            states.append(output)
        return np.stack(states, axis=1) if layer.return_sequences else output

    return run, (length, units) if layer.return_sequences else (units,)


_BUILDERS: Mapping[Kind, Callable[[Layer, Weights, Shape], Built]] = {
    "reshape": _reshape,
    "flatten": _flatten,
    "activation": _activation,
    "dense": _dense,
    "conv1d": _conv1d,
    "max_pooling1d": _max_pooling1d,
    "global_average_pooling1d": _global_average_pooling1d,
    "global_max_pooling1d": _global_max_pooling1d,
    "batch_normalization": _batch_normalization,
    "lstm": _lstm,
}
