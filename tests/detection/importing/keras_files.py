"""Keras models in its HDF5 format, written by h5py alone, laid out as `model.save` of Keras 2 does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

FRAMES = 10
Array = npt.NDArray[np.float32]


@dataclass
class KerasLayer:
    """A layer's description, and its weights by the paths that they have in the file."""

    class_name: str
    config: dict[str, Any]
    weights: dict[str, Array] = field(default_factory=dict)

    def named(self, plain: str) -> Array:
        """A weight by its plain name."""
        (found,) = [value for path, value in self.weights.items() if f"/{plain}:0" in path]
        return found


def conv(name: str, shape: tuple[int, int, int], rng: np.random.Generator, **config: Any) -> KerasLayer:
    """`shape`: steps, channels, filters."""
    kernel = rng.normal(0, 3 / np.sqrt(shape[0] * shape[1]), shape).astype(np.float32)
    settings = {"name": name, "filters": shape[2], "kernel_size": [shape[0]], "strides": [1]}
    settings |= {"padding": "valid", "data_format": "channels_last", "dilation_rate": [1], "groups": 1}
    settings |= {"activation": "relu", "use_bias": True, "kernel_regularizer": None, "dtype": "float32"}
    bias = rng.normal(0, 0.3, shape[2]).astype(np.float32)
    return KerasLayer("Conv1D", settings | config, {f"{name}/kernel:0": kernel, f"{name}/bias:0": bias})


def pool(name: str, **config: Any) -> KerasLayer:
    return KerasLayer(
        "MaxPooling1D", {"name": name, "pool_size": [2], "strides": [2], "padding": "valid"} | config
    )


def normal(name: str, channels: int, rng: np.random.Generator, axis: int = 2) -> KerasLayer:
    weights = {
        f"{name}/gamma:0": rng.uniform(0.5, 1.5, channels),
        f"{name}/beta:0": rng.normal(0, 0.5, channels),
        f"{name}/moving_mean:0": rng.normal(0, 0.5, channels),
        f"{name}/moving_variance:0": rng.uniform(0.2, 2, channels),
    }
    config = {"name": name, "axis": [axis], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
    return KerasLayer(
        "BatchNormalization", config, {path: value.astype(np.float32) for path, value in weights.items()}
    )


def dropout(name: str) -> KerasLayer:
    return KerasLayer("Dropout", {"name": name, "rate": 0.5, "noise_shape": None, "seed": None})


def lstm(name: str, channels: int, units: int, rng: np.random.Generator, **config: Any) -> KerasLayer:
    cell = f"{name}/lstm_cell_3"
    weights = {
        f"{cell}/kernel:0": rng.normal(0, 3 / np.sqrt(channels), (channels, 4 * units)),
        f"{cell}/recurrent_kernel:0": rng.normal(0, 1 / np.sqrt(units), (units, 4 * units)),
        f"{cell}/bias:0": rng.normal(0, 0.5, 4 * units),
    }
    settings = {"name": name, "units": units, "activation": "tanh", "recurrent_activation": "sigmoid"}
    settings |= {"use_bias": True, "unit_forget_bias": True, "return_sequences": False, "stateful": False}
    settings |= {"return_state": False, "go_backwards": False, "unroll": False, "time_major": False}
    settings |= {"dropout": 0.2, "recurrent_dropout": 0.0, "implementation": 2}
    arrays = {path: value.astype(np.float32) for path, value in weights.items()}
    return KerasLayer("LSTM", settings | config, arrays)


def dense(name: str, channels: int, units: int, rng: np.random.Generator, activation: str) -> KerasLayer:
    weights = {
        f"{name}/kernel:0": rng.normal(0, 3 / np.sqrt(channels), (channels, units)).astype(np.float32),
        f"{name}/bias:0": rng.normal(0, 0.3, units).astype(np.float32),
    }
    config = {"name": name, "units": units, "activation": activation, "use_bias": True}
    return KerasLayer("Dense", config, weights)


def published_like(seed: int = 1) -> list[KerasLayer]:
    """A network as the published ones are: (10, 136) → one sigmoid."""
    rng = np.random.default_rng(seed)
    return [
        conv("conv1d", (3, 136, 16), rng, batch_input_shape=[None, FRAMES, 136]),
        pool("max_pooling1d"),
        normal("batch_normalization", 16, rng),
        dropout("dropout"),
        conv("conv1d_1", (3, 16, 12), rng, padding="same"),
        lstm("lstm", 12, 8, rng, return_sequences=True),
        dropout("dropout_1"),
        lstm("lstm_1", 8, 6, rng),
        dense("dense", 6, 5, rng, "relu"),
        dense("dense_1", 5, 1, rng, "sigmoid"),
    ]


def described(layers: Sequence[KerasLayer]) -> dict[str, Any]:
    """What stands in `model_config`."""
    entries = [{"class_name": layer.class_name, "config": layer.config} for layer in layers]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": entries}}


def write_keras(
    path: Path,
    layers: Sequence[KerasLayer],
    *,
    config: Any = None,
    version: str | None = "2.11.0",
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """A file as Keras 2 writes it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(described(layers) if config is None else config)
        file.attrs["backend"] = "tensorflow"
        if version:
            file.attrs["keras_version"] = version
        for name, value in (attributes or {}).items():
            file.attrs[name] = value
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer.config["name"].encode() for layer in layers]
        for layer in layers:
            mine = group.create_group(layer.config["name"])
            mine.attrs["weight_names"] = [name.encode() for name in layer.weights]
            for name, value in layer.weights.items():
                mine.create_dataset(name, data=value)
    return path


def write_range(folder: Path, low: Any = 0.0, high: Any = 400.0) -> None:
    """`min_val.npy` and `max_val.npy`."""
    np.save(folder / "min_val.npy", np.asarray(low))
    np.save(folder / "max_val.npy", np.asarray(high))
