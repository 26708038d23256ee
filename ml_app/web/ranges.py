"""HTTP byte ranges (RFC 9110, section 14), as far as a video player needs them: one range at a time.

By hand because Django's FileResponse knows none, and Werkzeug, which does, would come whole for these lines.
"""

from __future__ import annotations

import re
from typing import IO

_ONE_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class UnsatisfiableError(ValueError):
    """The range lies outside of the file."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte that a Range header asks for, both inclusive.

    Returns:
        None where the header is to be ignored: it is malformed, or asks for several ranges.

    Raises:
        UnsatisfiableError: No byte of a file of `size` bytes is asked for.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last so many
        if int(last) == 0 or size == 0:
            raise UnsatisfiableError
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableError
    return int(first), min(int(last), size - 1) if last else size - 1


class Slice:
    """Part of an open file, for a streaming response: reads on from where the file stands."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; empty at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted) if wanted else b""
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
