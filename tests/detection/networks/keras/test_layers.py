"""Keras' layers in numpy say what the same layers of torch say, with the weights laid out anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.nn import functional

from ml_app.detection.checkpoints.layers import Layer
from ml_app.detection.networks.keras.layers import Weights, build_layer

Array = npt.NDArray[np.float32]
CLOSE = {"rtol": 0, "atol": 1e-5}


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def run(layer: Layer, weights: Weights, inputs: Array) -> Array:
    function, shape = build_layer(layer, weights, inputs.shape[1:])
    outputs = function(inputs)
    assert outputs.shape == (len(inputs), *shape)
    assert outputs.dtype == np.float32
    return outputs


def torch_conv(inputs: Array, kernel: Array, bias: Array, pad: tuple[int, int], **options: int) -> Array:
    moved = functional.pad(torch.tensor(inputs).transpose(1, 2), pad)
    weight = torch.tensor(kernel).permute(2, 1, 0)  # filters, channels, steps
    found = functional.conv1d(moved, weight, torch.tensor(bias), **options)
    return np.asarray(torch.relu(found).transpose(1, 2).numpy())


@pytest.mark.parametrize(
    ("padding", "kernel", "strides", "dilation", "pad"),
    [
        ("valid", 3, 1, 1, (0, 0)),
        ("valid", 4, 3, 1, (0, 0)),
        ("same", 3, 1, 1, (1, 1)),
        ("same", 4, 1, 1, (1, 2)),  # the odd one at the end
        ("same", 5, 2, 1, (2, 2)),
        ("same", 4, 3, 1, (1, 1)),
        ("same", 3, 1, 2, (2, 2)),
        ("causal", 3, 1, 2, (4, 0)),
    ],
)
def test_a_convolution(padding: Any, kernel: int, strides: int, dilation: int, pad: tuple[int, int]) -> None:
    inputs, weights = random(2, 11, 6), {"kernel": random(kernel, 6, 5), "bias": random(5, seed=1)}
    layer = Layer(
        "conv1d",
        "c",
        units=5,
        kernel_size=kernel,
        strides=strides,
        dilation=dilation,
        padding=padding,
        activation="relu",
    )
    expected = torch_conv(inputs, weights["kernel"], weights["bias"], pad, stride=strides, dilation=dilation)
    assert np.allclose(run(layer, weights, inputs), expected, **CLOSE)


@pytest.mark.parametrize(("length", "padding"), [(11, "valid"), (10, "same"), (11, "same")])
def test_pooling(length: int, padding: Any) -> None:
    inputs = random(2, length, 4) - 3  # below zero, so that a zero of the padding would be seen
    layer = Layer("max_pooling1d", "p", kernel_size=3, strides=2, padding=padding)
    added = {11: (1, 1), 10: (0, 1)}[length] if padding == "same" else (0, 0)
    moved = functional.pad(torch.tensor(inputs).transpose(1, 2), added, value=-np.inf)
    expected = functional.max_pool1d(moved, 3, 2).transpose(1, 2).numpy()
    assert np.allclose(run(layer, {}, inputs), expected, **CLOSE)


def test_pooling_over_all() -> None:
    inputs = random(2, 7, 4)
    assert np.allclose(run(Layer("global_average_pooling1d", "g"), {}, inputs), inputs.mean(1), **CLOSE)
    assert np.allclose(run(Layer("global_max_pooling1d", "g"), {}, inputs), inputs.max(1), **CLOSE)


@pytest.mark.parametrize("learned", [("gamma", "beta"), ("beta",), ()])
def test_normalisation(learned: tuple[str, ...]) -> None:
    inputs, norm = random(2, 7, 4), nn.BatchNorm1d(4, eps=0.001).eval()
    values = {name: random(4, seed=len(name)) for name in ("gamma", "beta", "moving_mean")}
    values["moving_variance"] = np.abs(random(4, seed=9)) + np.float32(0.1)
    with torch.no_grad():
        norm.running_mean.copy_(torch.tensor(values["moving_mean"]))
        norm.running_var.copy_(torch.tensor(values["moving_variance"]))
        if "gamma" in learned:
            norm.weight.copy_(torch.tensor(values["gamma"]))
        if "beta" in learned:
            norm.bias.copy_(torch.tensor(values["beta"]))
        expected = norm(torch.tensor(inputs).transpose(1, 2)).transpose(1, 2).numpy()
    weights = {name: values[name] for name in (*learned, "moving_mean", "moving_variance")}
    layer = Layer("batch_normalization", "n", epsilon=0.001, axis=2)
    assert np.allclose(run(layer, weights, inputs), expected, **CLOSE)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
@pytest.mark.parametrize("sequences", [True, False])
def test_an_lstm(bias: bool, backwards: bool, sequences: bool) -> None:
    inputs, units = random(3, 9, 5), 4
    weights = {"kernel": random(5, 16), "recurrent_kernel": random(4, 16, seed=1)}
    if bias:
        weights["bias"] = random(16, seed=2)
    twin = nn.LSTM(5, units, batch_first=True, bias=bias)  # gates i, f, g, o: Keras' order
    with torch.no_grad():
        twin.weight_ih_l0.copy_(torch.tensor(weights["kernel"].T.copy()))
        twin.weight_hh_l0.copy_(torch.tensor(weights["recurrent_kernel"].T.copy()))
        if bias:
            twin.bias_ih_l0.copy_(torch.tensor(weights["bias"]))
            twin.bias_hh_l0.zero_()
        given = torch.tensor(inputs).flip(1) if backwards else torch.tensor(inputs)
        states = twin(given)[0].numpy()
    layer = Layer(
        "lstm",
        "l",
        units=units,
        activation="tanh",
        use_bias=bias,
        return_sequences=sequences,
        go_backwards=backwards,
    )
    expected = states if sequences else states[:, -1]
    assert np.allclose(run(layer, weights, inputs), expected, **CLOSE)


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("linear", lambda x: x),
        ("relu", torch.relu),
        ("elu", functional.elu),
        ("tanh", torch.tanh),
        ("sigmoid", torch.sigmoid),
        ("softmax", lambda x: torch.softmax(x, -1)),
        ("swish", functional.silu),
        ("hard_sigmoid", lambda x: torch.clamp(0.2 * x + 0.5, 0, 1)),
        ("hard_sigmoid_of_keras3", functional.hardsigmoid),
    ],
)
def test_a_dense_layer_and_its_activation(name: Any, twin: Any) -> None:
    inputs, weights = 6 * random(2, 3, 4), {"kernel": random(4, 5), "bias": random(5, seed=1)}
    expected = twin(
        functional.linear(
            torch.tensor(inputs), torch.tensor(weights["kernel"].T.copy()), torch.tensor(weights["bias"])
        )
    ).numpy()
    found = run(Layer("dense", "d", units=5, activation=name), weights, inputs)
    assert np.allclose(found, expected, **CLOSE)


def test_each_step_by_itself() -> None:
    """A convolution over the 68 points of each frame."""
    inputs, weights = random(2, 4, 68, 2), {"kernel": random(3, 2, 5), "bias": random(5, seed=1)}
    layer = Layer("conv1d", "c", each_step=True, units=5, kernel_size=3, activation="relu")
    steps = [
        torch_conv(inputs[:, t], weights["kernel"], weights["bias"], (0, 0)) for t in range(inputs.shape[1])
    ]
    assert np.allclose(run(layer, weights, inputs), np.stack(steps, axis=1), **CLOSE)
    assert run(Layer("flatten", "f", each_step=True), {}, inputs).shape == (2, 4, 136)


def test_reshaping() -> None:
    inputs = random(2, 4, 6)
    found = run(Layer("reshape", "r", target_shape=(2, -1)), {}, inputs)
    assert np.array_equal(found, inputs.reshape(2, 2, 12))
    assert np.array_equal(run(Layer("flatten", "f"), {}, inputs), inputs.reshape(2, 24))


@pytest.mark.parametrize(
    ("layer", "weights", "shape", "says"),
    [
        (Layer("lstm", "l", units=2), {}, (5, 3), "are needed"),
        (Layer("lstm", "l", units=2), {}, (5,), "wants a sequence"),
        (Layer("dense", "d", units=2), {"kernel": random(3, 2)}, (3,), "are needed"),
        (Layer("max_pooling1d", "p", kernel_size=9), {}, (5, 3), "looks at 9 steps at once and is given 5"),
        (Layer("reshape", "r", target_shape=(7, -1)), {}, (5, 3), "wants to make"),
        (Layer("reshape", "r", target_shape=(-1, -1)), {}, (5, 3), "wants to make"),
        (Layer("reshape", "r"), {}, (5, 3), "wants to make"),
        (Layer("flatten", "f", each_step=True), {}, (5,), "wants a sequence"),
        (Layer("batch_normalization", "n", axis=1), {}, (5, 3), "normalises the axis 1"),
        (
            Layer("batch_normalization", "n"),
            {"moving_mean": random(3), "moving_variance": -np.ones(3, np.float32)},
            (5, 3),
            "not positive",
        ),
    ],
)
def test_what_does_not_fit_is_told(layer: Layer, weights: Weights, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        build_layer(layer, weights, shape)
