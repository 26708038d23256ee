"""Arrays handed to another process through memory that both share, instead of copied through a socket.

Not by `multiprocessing.shared_memory`: its blocks have names, and those of a killed owner stay.
"""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
from collections.abc import Sequence
from typing import Any

_ALIGNMENT = 64  # bytes; of each array


class SharedFrames:
    """Room for the arrays of one call, over an open file without a name.

    The one who makes it writes and lets it grow; the other reads. Both take turns, by some other means: what
    lies here is overwritten by the next call.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """`descriptor`: of the other's memory; None makes a new one."""
        self.descriptor = _nameless_file() if descriptor is None else descriptor
        self._memory: mmap.mmap | None = None

    def pack(self, value: Any) -> tuple[bytes, list[tuple[int, int]]]:
        """Pickle a value, but leave its arrays here; returns the rest and where each of them lies."""
        buffers: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        places, end = [], 0
        for buffer in buffers:
            size = buffer.raw().nbytes
            places.append((end, size))
            end += -(-size // _ALIGNMENT) * _ALIGNMENT
        if end:
            memory = self._room(end, grow=True)
            for buffer, (start, size) in zip(buffers, places, strict=True):
                memory[start : start + size] = buffer.raw()
        return rest, places

    def unpack(self, rest: bytes, places: Sequence[tuple[int, int]]) -> Any:
        """The value that was packed. Its arrays are views of this memory: use them before the next call."""
        if not places:
            return pickle.loads(rest)  # noqa: S301 - from our own process
        view = memoryview(self._room(max(start + size for start, size in places)))
        return pickle.loads(rest, buffers=[view[start : start + size] for start, size in places])  # noqa: S301

    def close(self) -> None:
        """Give the memory back."""
        self._memory = None  # closed once the last view of it is gone
        os.close(self.descriptor)

    def _room(self, size: int, *, grow: bool = False) -> mmap.mmap:
        if self._memory is None or len(self._memory) < size:
            if grow and os.fstat(self.descriptor).st_size < size:
                os.ftruncate(self.descriptor, size)
            self._memory = mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)
        return self._memory


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("faces", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
