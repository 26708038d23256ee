"""How a checkpoint describes a network that is a chain of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "reshape",
    "flatten",
    "activation",
    "dense",
    "conv1d",
    "max_pooling1d",
    "global_average_pooling1d",
    "global_max_pooling1d",
    "batch_normalization",
    "lstm",
]
Activation = Literal[
    "linear",
    "relu",
    "elu",
    "tanh",
    "sigmoid",
    "hard_sigmoid",  # clip(0.2 x + 0.5, 0, 1), as up to Keras 2
    "hard_sigmoid_of_keras3",  # clip(x / 6 + 0.5, 0, 1)
    "softmax",
    "swish",
]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, in the terms of Keras; what its kind does not have stays as it is here.

    Its weights are the file's tensors `<number of the layer>.<name of the weight>`.
    """

    kind: Kind
    name: str  # in the file that it came from
    each_step: bool = False  # for every step of the sequence by itself (TimeDistributed)
    units: int = 0  # of the output: filters or units
    kernel_size: int = 1  # or that of a pool; steps
    strides: int = 1
    dilation: int = 1
    padding: Literal["valid", "same", "causal"] = "valid"
    activation: Activation = "linear"
    recurrent_activation: Activation = "sigmoid"  # of an LSTM's gates
    use_bias: bool = True
    return_sequences: bool = False
    go_backwards: bool = False
    epsilon: float = 0.0
    axis: int = -1  # that is normalised, the batch counted; it must be the last
    target_shape: tuple[int, ...] = ()  # without the batch
