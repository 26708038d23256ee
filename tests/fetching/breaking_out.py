"""Tries what the fetching process may not do, and says how each ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_app.fetching.guard import Guard


def _udp() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))


def _unix() -> None:
    socket.socket(socket.AF_UNIX).connect("/run/docker.sock")


def _by_name() -> None:
    socket.socket().connect(("localhost", int(sys.argv[1])))


def _looked_up() -> None:
    socket.create_connection(("localhost", int(sys.argv[1])), 5)


def _connect() -> None:
    socket.socket().connect(("127.0.0.1", int(sys.argv[1])))


def _connect_ex() -> None:
    socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1])))


def _listen() -> None:
    socket.socket().bind(("127.0.0.1", 0))


secret, target = Path(sys.argv[2]), Path(tempfile.gettempdir()) / "breaking-out"
TRIES: dict[str, Callable[[], Any]] = {
    "connect": _connect,
    "connect_ex": _connect_ex,
    "connect to a name": _by_name,
    "create_connection": _looked_up,
    "datagram": _udp,
    "unix socket": _unix,
    "listen": _listen,
    "run": lambda: subprocess.run(["true"], check=False),
    "system": lambda: os.system("true"),
    "fork": os.fork,
    "read a secret": secret.read_text,
    "read a secret by another way": lambda: Path(f"/usr/../{secret}").read_text(),
    "write": lambda: target.write_text("x"),
    "create": lambda: os.open(target, os.O_CREAT | os.O_WRONLY),
    "delete": secret.unlink,
    "rename": lambda: secret.rename(target),
}
guard = Guard([])
guard.install()
found = {}
for name, attempt in TRIES.items():
    try:
        attempt()
        found[name] = "done"
    except OSError as error:
        found[name] = type(error).__name__
import decimal  # noqa: E402 - what it does need is still possible: its own code

found["import"] = decimal.__name__
print(json.dumps(found))  # noqa: T201
