"""A connection to one address that was judged, whatever its host is called."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import SplitResult

from ml_app.fetching.addresses import PORTS, Lookup, addresses_of, judged_address, port_of


class Connection(http.client.HTTPConnection):
    """To one address; the name of the host is for the certificate and the Host header."""

    def __init__(self, parts: SplitResult, address: str, timeout: float) -> None:
        """`timeout` in seconds holds for connecting and for each step that is waited for."""
        self._address, self._tls = address, parts.scheme == "https"
        self.default_port = PORTS[parts.scheme]  # the one that is not named in the Host header
        super().__init__(str(parts.hostname), port_of(parts), timeout=timeout)

    def connect(self) -> None:
        """Connect to the address that was judged."""
        sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self.host)
        self.sock = sock


def connect_to(
    parts: SplitResult, networks: Sequence[str], timeout: float, lookup: Lookup = addresses_of
) -> Connection:
    """A connection, not opened yet, to a public address of the host or to one in `networks`.

    Raises:
        AddressError: The host has another address as well, or only such.
        OSError: The name is unknown.
    """
    return Connection(parts, judged_address(parts, networks, lookup), timeout)


def target_of(parts: SplitResult) -> str:
    """What is asked of the host."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
