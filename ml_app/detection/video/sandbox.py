"""The child process that decodes: started with limits, heard with suspicion, never allowed to outlive us.

The video is passed as an open file, so the child needs no path. It speaks JSON headers and raw pixels over a
pipe (never pickle); whatever it does - crash, hang, hit a limit, talk nonsense - becomes a VideoError here.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.errors import VideoError
from ml_app.detection.findings import Limits
from ml_app.detection.video.decoder_process import DecoderProcess
from ml_app.detection.video.errors import MESSAGES, video_error

NICER = 5  # than the process that asks
_PIPE_BYTES = 1024**2
_MAX_HEADER = 64 * 1024


class Sandbox:
    """One decoding process. See `decoder.__main__` for its side of the conversation."""

    def __init__(self, descriptor: int, limits: Limits) -> None:
        """Start the child.

        Args:
            descriptor: The open video file. The caller keeps it and may close it afterwards.
            limits: What the child may use.

        Raises:
            VideoError: No process can be started.
        """
        self._wall_seconds = limits.wall_seconds
        self._waited = 0.0
        niceness = os.getpriority(os.PRIO_PROCESS, 0) + NICER  # pages of the same machine go first
        try:
            self._process = DecoderProcess({"niceness": niceness, **asdict(limits)}, descriptor)
        except OSError as error:
            raise video_error("decoder_crashed", _without_paths(f"cannot start: {error}")) from error
        self._output = self._process.output.fileno()
        self._errors = self._process.errors.fileno()
        if sys.platform == "linux":
            with suppress(OSError):  # a larger pipe means fewer changes between the two of us; not needed
                fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def send(self, request: dict[str, Any]) -> None:
        """Ask for something. A dead child is noticed by the next `receive`."""
        with suppress(BrokenPipeError):
            self._process.input.write(json.dumps(request).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """The next header.

        Raises:
            VideoError: The child reports one, has died, took too long or talks nonsense.
        """
        length = int.from_bytes(self._read(4))
        if not 0 < length <= _MAX_HEADER:
            raise self.garbage(f"header of {length} bytes")
        try:
            message = json.loads(self._read(length))
        except ValueError as error:
            raise self.garbage("header is not JSON") from error
        if not isinstance(message, dict):
            raise self.garbage("header is not an object")
        if (code := message.get("error")) is not None:
            detail = _without_paths(str(message.get("detail", "")))
            raise video_error(code if code in MESSAGES else "decoder_crashed", detail)
        return message

    def receive_into(self, array: npt.NDArray[np.uint8]) -> None:
        """Fill an array, C-contiguous, with the bytes that follow a header."""
        self._fill(array.data.cast("B"))

    def number(self, message: dict[str, Any], key: str, low: float = 0.0, high: float = math.inf) -> float:
        """A finite number of a header, checked to lie in [low, high]."""
        value = message.get(key)
        if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
            raise self.garbage(f"{key} is {value!r:.60}")
        return float(value)

    def garbage(self, detail: str) -> VideoError:
        """The error for a child that breaks the protocol."""
        return video_error("decoder_crashed", f"unexpected answer: {detail}")

    def close(self) -> None:
        """End the child, whatever it is doing, and wait for its end."""
        self._process.close()

    def _read(self, size: int) -> bytes:
        data = bytearray(size)
        self._fill(memoryview(data))
        return bytes(data)

    def _fill(self, view: memoryview) -> None:
        poll = select.poll()  # select() fails for descriptors above 1023
        poll.register(self._output, select.POLLIN)
        while view:
            started = time.monotonic()
            ready = poll.poll(max(0.0, self._wall_seconds - self._waited) * 1000)
            self._waited += time.monotonic() - started
            if not ready:
                raise video_error("decoder_timeout", f"no answer within {self._wall_seconds:.0f} s")
            count = os.readv(self._output, [view])
            if count == 0:
                raise self._death()
            view = view[count:]

    def _death(self) -> VideoError:
        """Why the child is gone."""
        status = self._process.wait(5)
        if status is None:
            return self.garbage("the pipe was closed")
        if status == -signal.SIGXCPU:
            return video_error("decoder_timeout", "out of CPU time")
        if status == -signal.SIGKILL:  # nobody but the kernel does that, for want of memory
            return video_error("decoder_out_of_memory", "killed by the system")
        os.set_blocking(self._errors, False)
        try:
            said = os.read(self._errors, 1 << 16).decode(errors="replace").strip().rpartition("\n")[2]
        except BlockingIOError:
            said = ""
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return video_error("decoder_crashed", _without_paths(f"{how} {said}"))


def _without_paths(text: str) -> str:
    return re.sub(r"\S*/\S*", "...", text).strip()[:500]
