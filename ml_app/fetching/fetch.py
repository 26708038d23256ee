"""A link's file, fetched by a child process: started with limits, heard with suspicion, ended in any case."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ml_app.detection.errors import Cancelled
from ml_app.fetching.addresses import check_url
from ml_app.fetching.errors import FetchError
from ml_app.sandbox.environment import bare_environment

_MODULE = "ml_app.fetching.child"
_LARGEST_HEADER = 16 * 1024
_LARGEST_PART = 1 << 20
_WAKES = 0.25  # seconds between two looks at the clock, and at whether anybody still wants it
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a link may cost."""

    max_bytes: int
    seconds: float = 600.0
    slow_seconds: float = 60.0  # in each stretch of this length, once data come,
    slow_bytes: int = 64 * 1024  # at least so many must come
    cpu_seconds: int = 300
    memory_bytes: int = 2 * 1024**3  # address space


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where a file came from, as its host says."""

    url: str  # after redirects
    name: str
    title: str
    uploader: str


Progress = Callable[[int, int | None], None]


def fetch(
    url: str,
    write: Callable[[bytes], None],
    *,
    limits: FetchLimits,
    networks: Sequence[str] = (),
    on_progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Fetched:
    """Fetch the file that a link leads to, or the video of its page.

    Args:
        write: Takes the bytes as they come. What it raises ends everything.
        networks: That may be reached although they are not public.
        on_progress: Hears how many bytes have come and how many will, if that is known; some times a second.
        cancelled: Asked some times a second.

    Raises:
        FetchError: Why it cannot be had.
        Cancelled: Somebody asked for that.
    """
    check_url(url)
    child = _Child(url, limits, networks)
    try:
        return _listen(child, write, limits, on_progress, cancelled)
    finally:
        child.close()


def _listen(
    child: _Child,
    write: Callable[[bytes], None],
    limits: FetchLimits,
    on_progress: Progress,
    cancelled: Callable[[], bool],
) -> Fetched:
    come, total = 0, None
    pace = _Pace(limits)

    def wake() -> None:
        if cancelled():
            raise Cancelled
        pace.check(come)
        on_progress(come, total)

    child.wake = wake
    while True:
        message = child.receive()
        if "total" in message:
            total = message["total"] if isinstance(message["total"], int) else None
            pace.begin()
        elif "data" in message:
            data = child.read(child.length(message["data"]))
            come += len(data)
            if come > limits.max_bytes:
                raise FetchError("too_large")
            write(data)
        elif "done" in message:
            on_progress(come, total)
            return _fetched(message)
        else:
            raise child.nonsense("unknown message")


def _fetched(message: dict[str, Any]) -> Fetched:
    def text(key: str, longest: int = _LONGEST_TEXT) -> str:
        return "".join(char for char in str(message.get(key, "")) if char.isprintable())[:longest]

    return Fetched(text("url", 2000), text("name", 255), text("title"), text("uploader"))


class _Pace:
    """Whether it goes on at all, and not for ever."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._until = time.monotonic() + limits.seconds
        self._stretch: tuple[float, int] | None = None

    def begin(self) -> None:
        """Data come from now on."""
        self._stretch = (time.monotonic() + self._limits.slow_seconds, 0)

    def check(self, come: int) -> None:
        """
        Raises:
            FetchError: "link_timeout" or "link_slow".
        """
        now = time.monotonic()
        if now > self._until:
            raise FetchError("link_timeout", f"not within {self._limits.seconds:g} s")
        if self._stretch and now > self._stretch[0]:
            if come - self._stretch[1] < self._limits.slow_bytes:
                raise FetchError(
                    "link_slow", f"{come - self._stretch[1]} bytes in {self._limits.slow_seconds:g} s"
                )
            self._stretch = (now + self._limits.slow_seconds, come)


class _Child:
    """The process. See `child` for its side of the conversation."""

    def __init__(self, url: str, limits: FetchLimits, networks: Sequence[str]) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._woken = 0.0
        task = {"url": url, "networks": list(networks), "parent": os.getpid(), **asdict(limits)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=bare_environment("SSL_CERT_FILE", "SSL_CERT_DIR"),
                bufsize=0,
            )
        except OSError as error:
            raise FetchError("link_failed", f"cannot start: {error.strerror}") from error
        assert self._process.stdin and self._process.stdout  # noqa: S101 - for mypy
        self._output = self._process.stdout.fileno()
        self._poll = select.poll()  # select() fails for descriptors above 1023
        self._poll.register(self._output, select.POLLIN)
        with suppress(BrokenPipeError):  # a dead child is noticed by the next `receive`
            self._process.stdin.write(json.dumps(task).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """The next header.

        Raises:
            FetchError: The child reports one, has died or talks nonsense.
        """
        length = int.from_bytes(self.read(4))
        if not 0 < length <= _LARGEST_HEADER:
            raise self.nonsense(f"header of {length} bytes")
        try:
            message = json.loads(self.read(length))
        except ValueError as error:
            raise self.nonsense("no JSON") from error
        if not isinstance(message, dict):
            raise self.nonsense("no object")
        if (code := message.get("error")) is not None:
            raise FetchError(str(code), str(message.get("detail", "")))
        return message

    def length(self, value: Any) -> int:
        """The length of a part, if it can be one."""
        if not isinstance(value, int) or not 0 < value <= _LARGEST_PART:
            raise self.nonsense(f"part of {value!r:.40}")
        return value

    def read(self, size: int) -> bytes:
        """So many bytes, however long they take; `wake` is called meanwhile."""
        data = bytearray()
        while len(data) < size:
            ready = self._poll.poll(_WAKES * 1000)
            if time.monotonic() - self._woken >= _WAKES:
                self.wake()
                self._woken = time.monotonic()
            if not ready:
                continue
            part = os.read(self._output, size - len(data))
            if not part:
                raise self.nonsense("it has died")
            data += part
        return bytes(data)

    def nonsense(self, detail: str) -> FetchError:
        """The error for a child that breaks the protocol."""
        return FetchError("link_failed", f"unexpected answer: {detail}")

    def close(self) -> None:
        """End the child, whatever it is doing, and wait for its end."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
