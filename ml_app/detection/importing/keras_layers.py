"""From Keras' description of a layer to the checkpoint's: what cannot be computed exactly is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast, get_args

from ml_app.detection.checkpoints.layers import Activation, Layer
from ml_app.detection.errors import CheckpointError

_LARGEST = 1 << 16  # of any size
# What says how a layer was trained, or how it is computed and not what.
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")
_ALWAYS = ("name", "trainable", "dtype", "batch_input_shape", "batch_shape", "input_shape")
_INPUTS = ("sparse", "ragged", "optional")
_DROPPING = ("dropout", "recurrent_dropout", "seed", "rate", "stddev", "noise_shape", "l1", "l2")
_RECURRENT = ("unit_forget_bias", "implementation", "unroll", "zero_output_for_mask")
_NORMALISING = ("momentum", "fused", "synchronized")
_HARMLESS = frozenset((*_ALWAYS, *_INPUTS, *_DROPPING, *_RECURRENT, *_NORMALISING))
_NAMES: dict[str, Activation] = {"silu": "swish"}
# These do nothing once training is over.
_NOISE = ("SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout")
NOTHING = ("InputLayer", "Dropout", *_NOISE, "ActivityRegularization")


class _Settings:
    """The settings of one layer, each to be asked for once: what is left over is refused."""

    def __init__(self, class_name: str, config: Mapping[str, Any], keras_version: str) -> None:
        self.name = str(config.get("name", class_name))[:100]
        self._class, self._config, self._version = class_name, config, keras_version
        self._asked: set[str] = set()

    def refuse(self, what: str, todo: str = "") -> CheckpointError:
        """What to raise."""
        told = f"The layer {self.name!r} ({self._class}) {what}. "
        return CheckpointError(
            "unknown_layer",
            told + (todo or "It cannot be computed exactly here, so the model is not imported."),
        )

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        value = self._config.get(key)
        return default if value is None else value

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number, which may stand in a list by itself."""
        value = self.get(key, default)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST:
            raise self.refuse(f"has {key} = {value!r}, and a number of 1 or more is needed")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.refuse(f"has {key} = {value!r}, which is neither true nor false")
        return value

    def one_of(self, key: str, allowed: tuple[Any, ...]) -> Any:
        """One of these, the first by default."""
        value = self.get(key, allowed[0])
        if value not in allowed:
            raise self.refuse(f"has {key} = {value!r}, and {' or '.join(map(repr, allowed))} is known")
        return value

    def activation(self, key: str, default: str = "linear") -> Activation:
        value = self.get(key, default)
        if value == "hard_sigmoid":
            major = self._version.partition(".")[0]
            if not major.isdigit():
                raise self.refuse(
                    "has the activation 'hard_sigmoid', which differs from version to version, and the file "
                    "does not tell the version of Keras",
                    "Load it with the Keras that it was made with, and save it again.",
                )
            value = "hard_sigmoid" if int(major) < 3 else "hard_sigmoid_of_keras3"
        value = _NAMES.get(value, value) if isinstance(value, str) else value
        if value not in get_args(Activation):
            raise self.refuse(f"has {key} = {value!r}; known are {', '.join(get_args(Activation))}")
        return cast(Activation, value)

    def finish(self) -> None:
        """See that nothing was left out that matters.

        Raises:
            CheckpointError: Something was.
        """
        self._config_dtype()
        for key, value in self._config.items():
            known = key in self._asked or key in _HARMLESS or key.endswith(_OF_TRAINING)
            if not known and value is not None and value is not False:
                raise self.refuse(f"has the setting {key} = {str(value)[:60]!r}, which is not known here")

    def _config_dtype(self) -> None:
        value = self._config.get("dtype") or "float32"
        if isinstance(value, dict):
            inner = value.get("config")
            value = inner.get("name") if isinstance(inner, dict) else None
        if value != "float32":
            raise self.refuse(f"computes in {value!r}, and single precision is known")


def to_layer(entry: Any, keras_version: str) -> Layer | None:
    """One layer.

    Args:
        entry: Of the model's list: `class_name` and `config`.
        keras_version: That of the file; empty where it is not told.

    Returns:
        None where it does nothing once training is over.

    Raises:
        CheckpointError: It cannot be computed exactly; the message names it.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        raise CheckpointError("not_a_model", "The model's description is damaged: a layer is no object.")
    class_name, config = str(entry.get("class_name"))[:100], entry["config"]
    settings = _Settings(class_name, config, keras_version)
    if class_name == "TimeDistributed":
        inner = to_layer(config.get("layer"), keras_version)
        settings.get("layer")
        settings.finish()
        return inner and replace(inner, name=settings.name, each_step=True)
    if class_name in NOTHING:
        settings.finish()
        return None
    if class_name not in _LAYERS:
        raise settings.refuse(
            "is of a kind that is not known here",
            f"Known are {', '.join([*_LAYERS, 'TimeDistributed', *NOTHING])}.",
        )
    layer = _LAYERS[class_name](settings)
    settings.finish()
    return layer


def _channels_last(settings: _Settings) -> None:
    settings.one_of("data_format", ("channels_last",))


def _conv1d(settings: _Settings) -> Layer:
    _channels_last(settings)
    settings.one_of("groups", (1,))
    return Layer(
        "conv1d",
        settings.name,
        units=settings.size("filters"),
        kernel_size=settings.size("kernel_size"),
        strides=settings.size("strides", 1),
        dilation=settings.size("dilation_rate", 1),
        padding=settings.one_of("padding", ("valid", "same", "causal")),
        activation=settings.activation("activation"),
        use_bias=settings.flag("use_bias", True),
    )


def _max_pooling1d(settings: _Settings) -> Layer:
    _channels_last(settings)
    pool = settings.size("pool_size", 2)
    return Layer(
        "max_pooling1d",
        settings.name,
        kernel_size=pool,
        strides=settings.size("strides", pool),
        padding=settings.one_of("padding", ("valid", "same")),
    )


def _global_average_pooling1d(settings: _Settings) -> Layer:
    _channels_last(settings)
    settings.one_of("keepdims", (False,))
    return Layer("global_average_pooling1d", settings.name)


def _global_max_pooling1d(settings: _Settings) -> Layer:
    return replace(_global_average_pooling1d(settings), kind="global_max_pooling1d")


def _batch_normalization(settings: _Settings) -> Layer:
    axis = settings.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if not isinstance(axis, int):
        raise settings.refuse(f"has axis = {axis!r}, and one axis is known")
    epsilon = settings.get("epsilon", 1e-3)
    if not isinstance(epsilon, int | float) or not 0 <= epsilon <= 1:
        raise settings.refuse(f"has epsilon = {epsilon!r}, and a small number is needed")
    settings.flag("center", True)  # without it there is no beta among the weights, without the other no gamma
    settings.flag("scale", True)
    return Layer("batch_normalization", settings.name, epsilon=float(epsilon), axis=axis)


def _lstm(settings: _Settings) -> Layer:
    for key in ("stateful", "return_state", "time_major"):
        settings.one_of(key, (False,))
    return Layer(
        "lstm",
        settings.name,
        units=settings.size("units"),
        activation=settings.activation("activation", "tanh"),
        recurrent_activation=settings.activation("recurrent_activation", "sigmoid"),
        use_bias=settings.flag("use_bias", True),
        return_sequences=settings.flag("return_sequences", False),
        go_backwards=settings.flag("go_backwards", False),
    )


def _dense(settings: _Settings) -> Layer:
    return Layer(
        "dense",
        settings.name,
        units=settings.size("units"),
        activation=settings.activation("activation"),
        use_bias=settings.flag("use_bias", True),
    )


def _flatten(settings: _Settings) -> Layer:
    _channels_last(settings)
    return Layer("flatten", settings.name)


def _activation(settings: _Settings) -> Layer:
    return Layer("activation", settings.name, activation=settings.activation("activation"))


def _reshape(settings: _Settings) -> Layer:
    target = settings.get("target_shape")
    if not isinstance(target, list) or not all(isinstance(size, int) for size in target):
        raise settings.refuse(f"has target_shape = {target!r}, and a list of numbers is needed")
    return Layer("reshape", settings.name, target_shape=tuple(target))


_LAYERS: dict[str, Callable[[_Settings], Layer]] = {
    "Conv1D": _conv1d,
    "MaxPooling1D": _max_pooling1d,
    "GlobalAveragePooling1D": _global_average_pooling1d,
    "GlobalMaxPooling1D": _global_max_pooling1d,
    "BatchNormalization": _batch_normalization,
    "LSTM": _lstm,
    "Dense": _dense,
    "Flatten": _flatten,
    "Activation": _activation,
    "Reshape": _reshape,
}
