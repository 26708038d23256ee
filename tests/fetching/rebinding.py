"""The fetching process under a name server that changes its mind: `name.example` is here, then elsewhere."""

from __future__ import annotations

import socket
from typing import Any

from ml_app.fetching import child

looked_up = 0
real = socket.getaddrinfo


def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    global looked_up  # noqa: PLW0603 - a process of its own
    if host != "name.example":
        return real(host, port, *args, **kwargs)
    looked_up += 1
    address = "127.0.0.1" if looked_up == 1 else "127.0.0.2"
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


socket.getaddrinfo = look_up  # type: ignore[assignment]
child.main()
