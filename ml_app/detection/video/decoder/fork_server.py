"""A fork server: it has imported what decoding needs, so that each file has a process of its own at once.

It reads no file itself, and its children inherit nothing that came from another one.

Not multiprocessing's, whose children read pickles, import the parent's main module and keep its environment.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

VIDEO = 3
"""The descriptor under which a child finds its video, after standard input, output and error."""
_DESCRIPTORS = 5
_MAX_REQUEST = 64 * 1024


class ForkServer:
    """Answers requests that come through standard input, a socket, until nobody holds the other end.

    A request is JSON, with the descriptors of a video, of three pipes and of a socket. Through the last one
    goes the number of the new process and, once it has ended, its status: four bytes each, signed; a negative
    status is that of a signal. When its other end is closed, the process is killed.
    """

    def __init__(self, work: Callable[[dict[str, Any]], None]) -> None:
        """Get ready.

        Args:
            work: What a child does with its request, to which `descriptor` and `parent` are added.
        """
        self._work = work
        self._requests = socket.socket(fileno=os.dup(0))
        self._children: dict[int, socket.socket] = {}  # by number of the process
        self._ended, self._wake = os.pipe()
        self._poll = select.poll()

    def serve(self) -> None:
        """Fork until the parent is gone; then kill all children."""
        self._prepare()
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._ended:
                    self._reap()
                elif descriptor != self._requests.fileno():
                    self._kill(descriptor)
                elif not self._answer():
                    for pid in self._children:  # none was reaped since: the numbers are still theirs
                        os.kill(pid, signal.SIGKILL)
                        os.waitpid(pid, 0)  # what they have used counts as used by us, and then by the parent
                    return

    def _prepare(self) -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
        for end in (self._ended, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(self._requests, select.POLLIN)
        self._poll.register(self._ended, select.POLLIN)
        gc.freeze()  # memory that no collection writes to stays shared with all children

    def _answer(self) -> bool:
        """Fork for the next request; whether there was one."""
        request, descriptors, _, _ = socket.recv_fds(self._requests, _MAX_REQUEST, _DESCRIPTORS)
        if len(descriptors) != _DESCRIPTORS:
            return False
        control = socket.socket(fileno=descriptors.pop())
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            control.close()  # which says so
            pid = -1
        if pid == 0:
            _become(descriptors)
            self._work(json.loads(request) | {"descriptor": VIDEO, "parent": server})
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            self._children[pid] = control
            self._poll.register(control, select.POLLIN)
            _tell(control, pid)
        return True

    def _kill(self, descriptor: int) -> None:
        """The parent has lost interest in a child. It is told of the end by `_reap`."""
        for pid, control in self._children.items():
            if control.fileno() == descriptor:
                self._poll.unregister(control)
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._ended, 4096)
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                control = self._children.pop(found[0])
                with suppress(KeyError):
                    self._poll.unregister(control)
                _tell(control, os.waitstatus_to_exitcode(found[1]))
                control.close()


def _tell(control: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody listens any more
        control.send(number.to_bytes(4, signed=True))


def _become(descriptors: list[int]) -> None:
    """Be a process with nothing of the server's but what it has imported."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    video, *pipes = descriptors
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
    os.dup2(video, VIDEO)  # the last one: a pipe may have had this number
    os.closerange(VIDEO + 1, os.sysconf("SC_OPEN_MAX"))
