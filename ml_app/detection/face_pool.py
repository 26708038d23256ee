"""A few processes that look for faces, because dlib holds Python's global lock while it looks.

They are started by name and not by `multiprocessing`, which would import the parent's main module (and with
it Django or torch) into each and forbids itself inside a Celery worker's own children. They hang on one
socket each: when the parent dies, however it dies, the socket closes and they end.
"""

from __future__ import annotations

import atexit
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import cv2

from ml_app.detection import looking
from ml_app.detection.errors import DetectionError, cause
from ml_app.detection.hardware import usable_cores

MAX_PROCESSES = 8
JOB_SECONDS = 120.0  # one frame takes well under a second; a process that takes this long hangs
_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = (
    "import sys; from ml_app.detection.face_pool import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"
)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "look": looking.look,
    "describe": looking.describe,
    "warm_up": looking.warm_up,
}
R = TypeVar("R")


class FacePool:
    """Runs `looking.look` and `looking.describe` in child processes, or here when the machine has one core.

    Safe to use from several threads. A child that dies or hangs costs the call it was working on a
    `DetectionError`, and is replaced.
    """

    def __init__(self, processes: int | None = None) -> None:
        """`processes`: how many; 0 works in this process; by default one a core, none on a single core."""
        cores = usable_cores()
        self.processes = (min(cores, MAX_PROCESSES) if cores > 1 else 0) if processes is None else processes
        self._threads = ThreadPoolExecutor(self.processes, "faces") if self.processes else None
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(self.processes):
            self._idle.put(None)  # started when first needed
        self._closed = False

    def submit(self, function: Callable[..., R], *arguments: Any) -> Future[R]:
        """Run `looking.look`, `looking.describe` or `looking.warm_up`; the future raises `DetectionError`."""
        if self._threads is not None:
            return self._threads.submit(self._call, function.__name__, arguments)
        future: Future[R] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(_failed(cause(error)))
        return future

    def warm_up(self) -> None:
        """Start every process and load its models, without waiting."""
        for _ in range(self.processes):
            self.submit(looking.warm_up)

    def close(self) -> None:
        """End the processes. Calls that still wait are cancelled."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        while True:
            try:
                child = self._idle.get_nowait()
            except queue.Empty:
                return
            if child is not None:
                child.end()

    def __enter__(self) -> FacePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        child = self._idle.get()
        try:
            if child is None:
                child = _Child()
            succeeded, result = child.call(name, arguments)
        except (EOFError, OSError) as error:
            status = child.end() if child is not None else None
            child = None
            raise DetectionError(
                "face_detector_crashed",
                "Looking for faces failed on this video. Try again; if that fails, convert it to MP4.",
                f"a face detection process ended with status {status}",
            ) from error
        finally:
            if self._closed and child is not None:
                child.end()
            else:
                self._idle.put(child)
        if not succeeded:
            raise _failed(result)
        return result


def _failed(detail: str) -> DetectionError:
    return DetectionError("face_detector_failed", "Looking for faces failed on this video.", detail)


class _Child:
    """One process and the socket to it."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def call(self, name: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        # Sending and receiving can block as well; killing the process ends both.
        watchdog = threading.Timer(JOB_SECONDS, self.process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            self.connection.send((name, arguments))
            reply: tuple[bool, Any] = self.connection.recv()
        finally:
            watchdog.cancel()
        return reply

    def end(self) -> int | None:
        self.connection.close()
        self.process.kill()
        return self.process.wait()


def serve(descriptor: int, parent: int) -> None:
    """Answer calls until the parent is gone. The main function of a child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    cv2.setNumThreads(1)
    connection: Connection = Connection(descriptor)
    while True:
        try:
            while not connection.poll(5.0):
                if os.getppid() != parent:
                    return
            name, arguments = connection.recv()
            try:
                reply = (True, _FUNCTIONS[name](*arguments))
            except Exception as error:
                reply = (False, cause(error))
            connection.send(reply)
        except (EOFError, OSError):
            return


_shared: FacePool | None = None
_shared_by = 0  # id of the process that made it: a fork must not use its parent's sockets
_lock = threading.Lock()


def shared_pool() -> FacePool:
    """The pool of this process, made on first use and closed at exit."""
    global _shared, _shared_by
    with _lock:
        if _shared is None or _shared_by != os.getpid():
            _shared, _shared_by = FacePool(), os.getpid()
            atexit.register(_shared.close)
        return _shared
