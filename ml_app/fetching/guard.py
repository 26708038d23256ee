"""What the fetching process may not do, whatever a page makes the libraries within it try.

Every connection of the process is judged at the moment when it is made, by the address that it goes to, so it
does not matter who looked the name up, what it was redirected to, or what the name server says by then.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_app.fetching.addresses import is_allowed
from ml_app.fetching.errors import AddressError

_NEVER = frozenset(
    (
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
        *("pty.spawn", "os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
        *("socket.bind", "socket.sendto", "socket.sendmsg", "shutil.move", "shutil.rmtree"),
    )
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ROOM = Path(__file__).resolve().parents[1]


class Guard:
    """Holds from `install` to the end of the process; no code within it can take it away."""

    def __init__(self, networks: Sequence[str]) -> None:
        """`networks` may be reached although they are not public."""
        self._networks = tuple(networks)
        self._readable = _readable()
        self.refused = False
        """Whether an address was refused: a library may have told of it in words of its own."""

    def install(self) -> None:
        """Take effect."""
        look_up = socket.getaddrinfo

        def judged(*args: Any, **kwargs: Any) -> Any:
            found = look_up(*args, **kwargs)
            for entry in found:
                self._judge(entry[4][0])
            return found

        socket.getaddrinfo = judged  # so that a host with one private address is refused as a whole
        sys.addaudithook(self._hear)

    def _judge(self, address: Any) -> None:
        if not is_allowed(str(address), self._networks):
            self.refused = True
            raise AddressError(str(address))

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            connecting, address = args
            if connecting.family not in (socket.AF_INET, socket.AF_INET6):
                raise AddressError("not of the internet")
            self._judge(address[0])
        elif event == "open":
            self._judge_file(*args)
        elif event in _NEVER:
            raise PermissionError(f"{event} is not for the fetching process")

    def _judge_file(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        writes = isinstance(flags, int) and flags & _WRITING
        if writes or not os.path.realpath(os.fsdecode(path)).startswith(self._readable):
            raise PermissionError("the fetching process reads its own code and writes nothing")


def _readable() -> tuple[str, ...]:
    """Where the interpreter, the packages, our own code and the certificates lie."""
    paths = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(_ROOM)}
    system = ("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/mime.types", "/usr", "/proc/")
    return tuple(f"{os.path.realpath(path)}{os.sep}" for path in paths) + system
