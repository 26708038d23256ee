"""The arithmetic of `sequence_head.SequenceHead` in numpy, with its gradient. Imports no torch.

A head is a few thousand multiplications a frame: importing torch for it takes longer than all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_app.detection.networks.variation import variation

Array = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class _States:
    """What the LSTM did at each step, float32 (T, ...) each: gates i, f, g, o, cells, the cells' tanh."""

    gates: Array  # (T, 4, hidden)
    cells: Array
    squashed: Array
    projected: Array  # (T, projection), the LSTM's inputs

    @property
    def outputs(self) -> Array:
        return self.gates[:, 3] * self.squashed


class NumpySequenceHead:
    """Embeddings of one person's frames, in order of time → a logit of FAKE per frame."""

    def __init__(self, weights: Weights, dimensions: Mapping[str, int]) -> None:
        """Fill it.

        Args:
            weights: By the names of `SequenceHead`.
            dimensions: Fields of `HeadConfig`.

        Raises:
            ValueError: They do not belong together.
            KeyError: A dimension is missing.
        """
        channels, inner, hidden = (dimensions[name] for name in ("channels", "projection", "hidden"))
        varying = dimensions.get("varying", 0)
        read = channels - varying
        shapes = {
            "frame.weight": (1, read),
            "frame.bias": (1,),
            "project.weight": (inner, read),
            "project.bias": (inner,),
            "lstm.weight_ih_l0": (4 * hidden, inner),
            "lstm.weight_hh_l0": (4 * hidden, hidden),
            "lstm.bias_ih_l0": (4 * hidden,),
            "lstm.bias_hh_l0": (4 * hidden,),
            "temporal.weight": (1, hidden),
        }
        if varying:
            shapes |= {"variation.weight": (1, varying), "variation.bias": (1,)}
        second = dimensions.get("second", 0)
        if second:
            shapes |= {"second.weight": (1, second), "second.bias": (1,)}
        found = {name: weight.shape for name, weight in weights.items()}
        if found != shapes:
            raise ValueError(f"the weights are {found}, not {shapes}")
        filled = {name: weight.astype(np.float32) for name, weight in weights.items()}
        self._frame, self._frame_bias = filled["frame.weight"][0], filled["frame.bias"]
        self._project, self._project_bias = filled["project.weight"], filled["project.bias"]
        self._inwards, self._onwards = filled["lstm.weight_ih_l0"], filled["lstm.weight_hh_l0"]
        self._bias = filled["lstm.bias_ih_l0"] + filled["lstm.bias_hh_l0"]
        self._temporal = filled["temporal.weight"][0]
        self._hidden = hidden
        self._varying = varying
        self._variation = (filled["variation.weight"][0], filled["variation.bias"]) if varying else None
        self._second = (filled["second.weight"][0], filled["second.bias"]) if second else None

    def logits(
        self, embeddings: Array, times: Sequence[float] | None = None, second: Array | None = None
    ) -> Array:
        """float32 (T, channels) → float32 (T,). A person's logit is their mean.

        Without the frames' times, in seconds, their variation is not read; nor is `second`, the embedding of
        the second network, float32 (its channels,), where there is none.
        """
        outputs = self._run(embeddings).outputs
        result: Array = embeddings[:, : len(self._frame)] @ self._frame + self._frame_bias
        result = result + outputs @ self._temporal
        if self._variation is not None and times is not None:
            measured = variation(embeddings, times, self._varying)
            if measured is not None:
                result = result + measured @ self._variation[0] + self._variation[1]
        if self._second is not None and second is not None:
            result = result + second @ self._second[0] + self._second[1]
        return result

    def gradient(self, embeddings: Array) -> Array:
        """Of the sum of the logits by the embeddings: float32 (T, channels) → float32 (T, channels).

        Without the readings of variation and of the second network, which no place of this one's map tells.
        """
        states = self._run(embeddings)
        back = np.zeros(
            (len(embeddings), 4, self._hidden), np.float32
        )  # by the gates before they are squashed
        cell = np.zeros(self._hidden, np.float32)  # by the cells, handed down from the step after
        output = np.zeros(self._hidden, np.float32)  # likewise by the outputs
        for t in reversed(range(len(embeddings))):
            let_in, kept, proposed, shown = states.gates[t]
            output = output + self._temporal
            cell = cell + output * shown * (1 - states.squashed[t] ** 2)
            before = states.cells[t - 1] if t else np.zeros_like(cell)
            back[t] = (
                cell * proposed * let_in * (1 - let_in),
                cell * before * kept * (1 - kept),
                cell * let_in * (1 - proposed**2),
                output * states.squashed[t] * shown * (1 - shown),
            )
            cell, output = cell * kept, back[t].reshape(-1) @ self._onwards
        projected = back.reshape(len(embeddings), -1) @ self._inwards * (states.projected > 0)
        result: Array = projected @ self._project + self._frame
        return np.pad(result, ((0, 0), (0, self._varying)))

    def _run(self, embeddings: Array) -> _States:
        projected = np.maximum(embeddings[:, : len(self._frame)] @ self._project.T + self._project_bias, 0)
        driven = projected @ self._inwards.T + self._bias
        length = len(embeddings)
        gates = np.empty((length, 4, self._hidden), np.float32)
        cells = np.empty((length, self._hidden), np.float32)
        squashed = np.empty_like(cells)
        cell: Array = np.zeros(self._hidden, np.float32)
        output = cell
        for t in range(length):
            raw = (driven[t] + self._onwards @ output).reshape(4, -1)
            gates[t] = sigmoid(raw)
            gates[t, 2] = np.tanh(raw[2])
            let_in, kept, proposed, shown = gates[t]
            cells[t] = cell = kept * cell + let_in * proposed
            squashed[t] = np.tanh(cell)
            output = shown * squashed[t]
        return _States(gates, cells, squashed, projected)


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)) of float32 of any shape."""
    # Not by the exponential, which overflows.
    return np.asarray((np.tanh(values / 2) + 1) / 2, dtype=np.float32)
