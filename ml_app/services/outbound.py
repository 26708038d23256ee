"""Requests that this site sends to addresses that people typed in: to public hosts alone, and within limits.

A name is looked up once, every address that it has is judged, and the connection goes to the very address
that was judged: a name server that changes its mind in between changes nothing. A redirect begins anew.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urljoin, urlsplit

from ml_app.errors import ServiceError, refuse

TIMEOUT_SECONDS = 5.0  # for each step; and all together may take
DEADLINE_SECONDS = 15.0
MOST_REDIRECTS = 3
MOST_BYTES = 64 * 1024  # of an answer, which nobody needs
PORTS = {"http": 80, "https": 443}
KEEPS_METHOD = (307, 308)  # other redirects turn a POST into a GET
Address = IPv4Address | IPv6Address
Lookup = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back. `status` is 0 where nothing did; `error` is then a code or what the network said."""

    status: int
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it arrived."""
        return 200 <= self.status < 300


def addresses_of(host: str, port: int) -> list[str]:
    """Every address of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_allowed(text: str, networks: Sequence[str]) -> bool:
    """Whether an address is public, or in one of the networks that the operator has allowed.

    What hides an IPv4 address within an IPv6 one (mapped, 6to4, Teredo, NAT64) is judged by that one.
    """
    address = ip_address(text.partition("%")[0])
    judged = _hidden(address) or address
    if any(_is_in(judged, network) for network in networks):
        return True
    return judged.is_global and not judged.is_multicast


def _is_in(address: Address, network: str) -> bool:
    found = ip_network(network, strict=False)
    return found.version == address.version and address in found


_NAT64 = ip_network("64:ff9b::/96")


def _hidden(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def check_url(url: str) -> SplitResult:
    """The parts of an address that may be asked at all; where its host leads is judged when it is asked.

    Raises:
        ServiceError: "bad_url".
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refuse("bad_url") from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if (
        not plain
        or parts.scheme not in PORTS
        or not parts.hostname
        or parts.username is not None
        or port == 0
    ):
        raise refuse("bad_url")
    return parts


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    networks: Sequence[str] = (),
    lookup: Lookup = addresses_of,
) -> Outcome:
    """Send something, through at most three redirects that keep the method. Never raises for what is outside.

    Args:
        networks: That may be reached although they are not public.
        lookup: Gives the addresses of a name.
    """
    until = time.monotonic() + DEADLINE_SECONDS
    for _ in range(MOST_REDIRECTS + 1):
        try:
            parts = check_url(url)
            address = _judged(parts, networks, lookup)
            status, location = _send(_Connection(parts, address, until), parts, body, headers)
        except ServiceError as error:
            return Outcome(0, error.code)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(0, f"{type(error).__name__}: {error}"[:200])
        if status not in KEEPS_METHOD or not location:
            return Outcome(status, "" if 200 <= status < 300 else f"HTTP {status}")
        url = urljoin(url, location)
    return Outcome(0, "too_many_redirects")


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


def _judged(parts: SplitResult, networks: Sequence[str], lookup: Lookup) -> str:
    found = lookup(str(parts.hostname), _port(parts))
    if not found or not all(is_allowed(address, networks) for address in found):
        raise refuse("address_not_allowed")
    return found[0]


class _Connection(http.client.HTTPConnection):
    """To one address, whatever its host is called; that name is for the certificate and the Host header."""

    def __init__(self, parts: SplitResult, address: str, until: float) -> None:
        left = max(0.1, until - time.monotonic())
        self._address, self._tls = address, parts.scheme == "https"
        self.default_port = PORTS[parts.scheme]  # the one that is not named in the Host header
        super().__init__(str(parts.hostname), _port(parts), timeout=min(TIMEOUT_SECONDS, left))

    def connect(self) -> None:
        """Connect to the address that was judged."""
        sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self.host)
        self.sock = sock


def _send(
    connection: _Connection, parts: SplitResult, body: bytes, headers: Mapping[str, str]
) -> tuple[int, str]:
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        response.read(MOST_BYTES)
        return response.status, response.headers.get("Location", "")
    finally:
        connection.close()
