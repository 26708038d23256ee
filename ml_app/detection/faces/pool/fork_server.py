"""Starts the processes that look for faces, and talks to them. See `worker` for their inside.

They are started by name and not by `multiprocessing`, which would import the parent's main module (and with
it Django or torch) into each and forbids itself inside a Celery worker's own children. When the parent dies,
however it dies, its socket closes and they end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from ml_app.detection.faces.pool.shared_frames import SharedFrames

START_SECONDS = 120.0  # importing and loading take about one; a process that takes this long hangs
_ROOT = Path(__file__).resolve().parents[4]
_PROGRAM = "import sys; from ml_app.detection.faces.pool.worker import main; main(int(sys.argv[1]))"
FORK, END = b"f", b"e"  # with two descriptors: fork one that answers there; with a pid: kill that one
NUMBER = 8  # bytes of a pid or status in a message


class ForkServer:
    """A process with the models loaded, which is forked. Safe to use from several threads."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_SECONDS)
        self._lock = threading.Lock()
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def fork(self, descriptors: list[int]) -> int:
        """Fork a process that answers on these descriptors; returns its id.

        Raises:
            OSError: The process that is to be forked is gone.
        """
        with self._lock:
            socket.send_fds(self._control, [FORK], descriptors)
            return self._answer()

    def end(self, pid: int) -> int | None:
        """Kill one of the forks; returns its exit status, if that can be known."""
        with self._lock:
            try:
                self._control.sendall(END + pid.to_bytes(NUMBER, "big", signed=True))
                return self._answer()
            except OSError:
                return None

    def close(self) -> None:
        """End the process and all its forks."""
        with self._lock:
            self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self) -> int:
        data = self._control.recv(NUMBER, socket.MSG_WAITALL)
        if len(data) < NUMBER:
            raise EOFError("the process with the models is gone")
        return int.from_bytes(data, "big", signed=True)


class Child:
    """A process that looks for faces."""

    def __init__(self, fork_server: ForkServer) -> None:
        self._fork_server = fork_server
        self._shared = SharedFrames()
        self._connection, theirs = Pipe()
        try:
            self.pid = fork_server.fork([theirs.fileno(), self._shared.descriptor])
        except BaseException:
            self._connection.close()
            self._shared.close()
            raise
        finally:
            theirs.close()

    def call(self, name: str, arguments: tuple[Any, ...], seconds: float) -> tuple[bool, Any]:
        """Run a function there; whether it succeeded, and its result or what went wrong.

        Raises:
            OSError, EOFError: The process is gone, or was ended because it took longer than `seconds`.
        """
        # Sending and receiving can block as well; ending the process ends both.
        watchdog = threading.Timer(seconds, os.kill, (self.pid, signal.SIGKILL))
        watchdog.daemon = True
        watchdog.start()
        try:
            self._connection.send((name, *self._shared.pack(arguments)))
            reply: tuple[bool, Any] = self._connection.recv()
        finally:
            watchdog.cancel()
        return reply

    def end(self) -> int | None:
        """End the process, whatever it is doing; returns its exit status, if that can be known."""
        self._connection.close()
        status = self._fork_server.end(self.pid)
        self._shared.close()
        return status
