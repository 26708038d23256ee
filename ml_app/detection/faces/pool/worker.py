"""The inside of the processes that look for faces: one that loads the models, and its forks that use them.

Loading takes most of a second of a core and 100 MB; a fork takes milliseconds and shares the memory.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import cv2

from ml_app.detection.errors import cause
from ml_app.detection.faces import frame_faces, segment
from ml_app.detection.faces.pool.fork_server import END, FORK, NUMBER
from ml_app.detection.faces.pool.shared_frames import SharedFrames
from ml_app.sandbox.limits import die_with

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "find_faces": frame_faces.find_faces,
    "find_in_segment": segment.find_in_segment,
    "describe": frame_faces.describe,
    "warm_up": frame_faces.warm_up,
}


def main(descriptor: int) -> None:
    """Load the models, then fork and kill at the word of our parent, until it is gone.

    Args:
        descriptor: A socket to the parent. It closes when the parent dies, however it dies.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    cv2.setNumThreads(1)
    frame_faces.warm_up()
    control = socket.socket(fileno=descriptor)
    children: set[int] = set()
    try:
        while True:
            order, descriptors, _, _ = socket.recv_fds(control, 1 + NUMBER, 2)
            if order == FORK:
                child = _fork(control, *descriptors)
                children.add(child)
                control.sendall(child.to_bytes(NUMBER, "big", signed=True))
            elif order[:1] == END:
                child = int.from_bytes(order[1:], "big", signed=True)
                status = _end(child) if child in children else 0
                children.discard(child)
                control.sendall(status.to_bytes(NUMBER, "big", signed=True))
            else:  # nothing: the socket was closed
                return
    except OSError:
        return
    finally:
        for child in children:
            _end(child)


def _fork(control: socket.socket, connection: int, memory: int) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(connection)
        os.close(memory)
        return child
    try:
        control.close()
        if die_with(parent):
            _serve(Connection(connection), SharedFrames(memory), parent)
    finally:
        os._exit(0)


def _serve(connection: Connection, shared: SharedFrames, parent: int) -> None:
    """Answer calls until there is nobody left to answer."""
    with suppress(EOFError, OSError):
        while True:
            while not connection.poll(5.0):
                if os.getppid() != parent:
                    return
            name, rest, places = connection.recv()
            try:
                reply = (True, _FUNCTIONS[name](*shared.unpack(rest, places)))
            except Exception as error:
                reply = (False, cause(error))
            connection.send(reply)


def _end(child: int) -> int:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 0
