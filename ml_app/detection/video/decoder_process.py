"""Processes that decode one file each, forked by a server that is started when it is first needed."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from ml_app.sandbox.environment import bare_environment

_COMMAND = ("-P", "-m", "ml_app.detection.video.decoder")
_START_SECONDS = 60.0  # in which the server has to answer; on a busy machine it waits for a processor
_END_SECONDS = 10.0


class DecoderProcess:
    """One process; `input`, `output` and `errors` are our ends of its pipes. It dies with us."""

    def __init__(self, task: dict[str, Any], descriptor: int) -> None:
        """Have it forked.

        Args:
            task: What it shall do; plain values.
            descriptor: The open file, which the caller keeps and may close afterwards.

        Raises:
            OSError: No process can be started; says why, where that is known.
        """
        theirs_in, self.input = _pipe()
        self.output, theirs_out = _pipe()
        self.errors, theirs_err = _pipe()
        theirs = (theirs_in, theirs_out, theirs_err)
        descriptors = [descriptor, *(end.fileno() for end in theirs)]
        try:
            # Once more, for a server that was killed with our request in its hands.
            number = self._ask(task, descriptors) or self._ask(task, descriptors)
        except BaseException:
            self._close_ends()
            raise
        finally:
            for end in theirs:
                end.close()
        if number is None:
            self._close_ends()
            raise OSError(_server.last_words())
        self.pid = number

    def _ask(self, task: dict[str, Any], descriptors: list[int]) -> int | None:
        """The number of the new process; None if the server ended instead of answering, or does not."""
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_START_SECONDS)
        with theirs:
            _server.send(task, [*descriptors, theirs.fileno()])
        try:
            number = self._receive()
        except TimeoutError:
            number = None
        if number is None:
            self._control.close()
        return number

    def wait(self, seconds: float) -> int | None:
        """Its exit status, negative for a signal; None if it does not end by then. Is to be asked once."""
        self._control.settimeout(seconds)
        try:
            return self._receive()
        except TimeoutError:
            return None

    def close(self) -> None:
        """End it, whatever it is doing, and wait for its end."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        self.wait(_END_SECONDS)
        self._close_ends()

    def _receive(self) -> int | None:
        try:
            said = self._control.recv(4)
        except ConnectionError:
            return None
        return int.from_bytes(said, signed=True) if said else None

    def _close_ends(self) -> None:
        for end in (self.input, self.output, self.errors, self._control):
            end.close()


class _Server:
    """The fork server of this process (`decoder.fork_server`), and how to start it again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._inherited: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._forget)  # it answers to the process that started it

    def send(self, task: dict[str, Any], descriptors: list[int]) -> None:
        """Hand over a request; start the server if there is none, or none any more."""
        request = [json.dumps(task).encode()]
        with self._lock:
            if self._requests is not None:
                with suppress(OSError):
                    socket.send_fds(self._requests, request, descriptors)
                    return
            self.stop()
            socket.send_fds(self._start(), request, descriptors)

    def start(self) -> None:
        """Start the server if there is none."""
        with self._lock:
            if self._requests is None:
                self._start()

    def last_words(self) -> str:
        """What a server said that ended instead of answering."""
        process = self._process
        if process is None or process.stderr is None:
            return ""
        with suppress(OSError, ValueError):
            os.set_blocking(process.stderr.fileno(), False)
            said = process.stderr.read() or b""
            return said.decode(errors="replace").strip().rpartition("\n")[2]
        return ""

    def stop(self) -> None:
        """Let the server go; it kills what it has forked."""
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            if self._process.stderr:
                self._process.stderr.close()
        self._requests = self._process = None

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, *_COMMAND],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=bare_environment(),
                bufsize=0,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._requests = ours
        return ours

    def _forget(self) -> None:
        self._lock = threading.Lock()  # a thread that is not here may have held the other one
        self._inherited = self._process  # kept: it is not this process's to wait for
        if self._requests is not None:
            self._requests.close()
        self._process = self._requests = None


_server = _Server()


def warm_up() -> None:
    """Start the server before the first file comes. Where that fails, the first file says why."""
    with suppress(OSError):
        _server.start()


def stop() -> None:
    """Let the server go, and with it what it has forked; the next file starts another one."""
    _server.stop()


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    read, write = os.pipe()
    return os.fdopen(read, "rb", buffering=0), os.fdopen(write, "wb", buffering=0)
