"""A few processes that look for faces, because dlib holds Python's global lock while it looks."""

from __future__ import annotations

import atexit
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

from ml_app.detection.errors import DetectionError, cause
from ml_app.detection.faces.pool.fork_server import Child, ForkServer
from ml_app.detection.hardware import usable_cores

MAX_PROCESSES = 8
JOB_SECONDS = 120.0  # one frame takes well under a second; a process that takes this long hangs
R = TypeVar("R")


class FacePool:
    """Runs the functions of `worker` in child processes, or here when the machine has one core.

    Safe to use from several threads. A child that dies or hangs costs the call it was working on a
    `DetectionError`, and is replaced.
    """

    def __init__(self, processes: int | None = None) -> None:
        """`processes`: how many; 0 works in this process; by default one a core, none on a single core."""
        cores = usable_cores()
        self.processes = (min(cores, MAX_PROCESSES) if cores > 1 else 0) if processes is None else processes
        self._threads = ThreadPoolExecutor(self.processes, "faces") if self.processes else None
        self._fork_server: ForkServer | None = None
        self._starting = threading.Lock()
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(self.processes):
            self._idle.put(None)  # started when first needed
        self._closed = False

    def submit(self, function: Callable[..., R], *arguments: Any) -> Future[R]:
        """Run one of `worker`'s functions; the future raises `DetectionError`."""
        if self._threads is not None:
            return self._threads.submit(self._call, function.__name__, arguments)
        future: Future[R] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(_failed(cause(error)))
        return future

    def warm_up(self) -> None:
        """Start the processes and load their models, without waiting."""
        if self._threads is not None:
            self._threads.submit(self._started)

    def close(self) -> None:
        """End the processes, also those at work. Calls that still wait are cancelled."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        while not self._idle.empty():
            child = self._idle.get_nowait()
            if child is not None:
                child.end()
        with self._starting:
            if self._fork_server is not None:
                self._fork_server.close()

    def __enter__(self) -> FacePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _started(self) -> ForkServer:
        with self._starting:
            if self._closed:
                raise EOFError("the pool is closed")
            if self._fork_server is None or not self._fork_server.alive:
                self._fork_server = ForkServer()
            return self._fork_server

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        child = self._idle.get()
        try:
            if child is None:
                child = Child(self._started())
            succeeded, result = child.call(name, arguments, JOB_SECONDS)
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
