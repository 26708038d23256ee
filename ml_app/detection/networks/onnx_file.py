"""Writes networks down as ONNX, the format of ONNX Runtime: just what convolutions and transformers need.

ONNX is a protocol buffer (https://onnx.ai/onnx/repo-docs/IR.html); the numbers below are those of its fields.
Not the package `onnx`, nor `torch.onnx` at build time: the graph is made whenever a checkpoint is loaded, so
that one safetensors file serves both runtimes, on sites that import no torch. The package is 33 MB.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_IR_VERSION, _OPERATORS = 8, 17  # of 2022: old enough for every runtime in use
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7}
_FLOAT, _INT, _INTS = 1, 2, 7  # kinds of attributes

Attribute = int | float | Sequence[int]

Sizes = Sequence[int | str]  # of a tensor; one that may be any is a word


@dataclass(slots=True)
class OnnxGraph:
    """A graph that grows node by node; every value has a name."""

    _nodes: list[bytes] = field(default_factory=list)
    _constants: list[bytes] = field(default_factory=list)  # of each what stands before its data, and these
    _count: int = 0

    def constant(self, value: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> str:
        """A tensor that never changes; returns its name."""
        name = self._fresh()
        dimensions = b"".join(_number(1, size) for size in value.shape)
        data = np.ascontiguousarray(value).tobytes()
        told = dimensions + _number(2, _TYPES[value.dtype]) + _part(8, name.encode()) + _head(9, len(data))
        # Megabytes of weights: they are put together once, in `serialised`, and not copied part by part.
        self._constants += [_head(5, len(told) + len(data)), told, data]
        return name

    def numbers(self, values: Sequence[int]) -> str:
        """Whole numbers, such as a shape; returns the name."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: int) -> str:
        """One whole number, such as a place along an axis; returns the name."""
        return self.constant(np.array(value, np.int64))

    def node(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Attribute) -> str:
        """An operation; returns the name of what comes out, which is `output` if that is given."""
        name = output or self._fresh()
        parts = [_part(1, value.encode()) for value in inputs]
        parts += [_part(2, name.encode()), _part(4, operator.encode())]
        parts += [_part(5, _attribute(key, value)) for key, value in attributes.items()]
        self._nodes.append(b"".join(parts))
        return name

    def serialised(self, given: tuple[str, type[np.generic], Sizes], wanted: Mapping[str, Sizes]) -> bytes:
        """The file.

        Args:
            given: Name, type and sizes of the input.
            wanted: Names and sizes of the outputs, float32.
        """
        name, kind, sizes = given
        graph = [*(_part(1, node) for node in self._nodes), _part(2, b"network"), *self._constants]
        graph.append(_part(11, _value(name, np.dtype(kind), sizes)))
        graph += [_part(12, _value(key, np.dtype(np.float32), size)) for key, size in wanted.items()]
        before = _number(1, _IR_VERSION) + _head(7, sum(map(len, graph)))
        return b"".join([before, *graph, _part(8, _part(1, b"") + _number(2, _OPERATORS))])

    def _fresh(self) -> str:
        self._count += 1
        return f"v{self._count}"


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        fixed = _varint(2 << 3 | 5) + struct.pack("<f", value)
        return _part(1, name.encode()) + fixed + _number(20, _FLOAT)
    if isinstance(value, int):
        return _part(1, name.encode()) + _number(3, value) + _number(20, _INT)
    return _part(1, name.encode()) + b"".join(_number(8, v) for v in value) + _number(20, _INTS)


def _value(name: str, kind: np.dtype[np.generic], sizes: Sizes) -> bytes:
    known = (_number(1, size) if isinstance(size, int) else _part(2, size.encode()) for size in sizes)
    shape = b"".join(_part(1, size) for size in known)
    return _part(1, name.encode()) + _part(2, _part(1, _number(1, _TYPES[kind]) + _part(2, shape)))


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)


def _part(field_number: int, data: bytes) -> bytes:
    return _head(field_number, len(data)) + data


def _head(field_number: int, length: int) -> bytes:
    """What stands before a part of so many bytes."""
    return _varint(field_number << 3 | 2) + _varint(length)


def _varint(value: int) -> bytes:
    """Seven bits a byte, least first; the eighth says that more follow. Negative numbers have 64 bits."""
    parts = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
