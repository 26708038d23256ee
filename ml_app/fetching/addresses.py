"""Which addresses may be asked when people type them in: those of public hosts, and no others.

A name is looked up once, every address that it has is judged, and the connection goes to the very address
that was judged: a name server that changes its mind in between changes nothing. A redirect begins anew.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from ml_app.fetching.errors import AddressError, FetchError

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 2000  # characters
Address = IPv4Address | IPv6Address
Lookup = Callable[[str, int], Sequence[str]]
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")  # IPv4 addresses as they were once written in IPv6
_UNICAST = ip_network("2000::/3")  # all of IPv6 that is public


def addresses_of(host: str, port: int) -> list[str]:
    """Every address of a name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of a name that is too long or empty
        raise FetchError("bad_url", str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_allowed(text: str, networks: Sequence[str]) -> bool:
    """Whether an address is public, or in one of the networks that the operator has allowed.

    What hides an IPv4 address within an IPv6 one (mapped, compatible, 6to4, Teredo, NAT64) is judged by it.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:  # a name, which could lead anywhere
        return False
    judged = _hidden(address) or address
    if any(_is_in(judged, network) for network in networks):
        return True
    if isinstance(judged, IPv6Address) and judged not in _UNICAST:
        return False
    return judged.is_global and not judged.is_multicast


def _is_in(address: Address, network: str) -> bool:
    found = ip_network(network, strict=False)
    return found.version == address.version and address in found


def _hidden(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def check_url(url: str) -> SplitResult:
    """The parts of an address that may be asked at all; where its host leads is judged when it is asked.

    Raises:
        FetchError: "bad_url".
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchError("bad_url") from error
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    if (
        not plain
        or parts.scheme not in PORTS
        or not parts.hostname
        or parts.username is not None
        or port == 0
    ):
        raise FetchError("bad_url")
    return parts


def port_of(parts: SplitResult) -> int:
    """The port that is named, or the usual one."""
    return parts.port or PORTS[parts.scheme]


def judged_address(parts: SplitResult, networks: Sequence[str], lookup: Lookup = addresses_of) -> str:
    """The address to connect to.

    Raises:
        AddressError: One of the addresses of the host is not public.
        OSError: The name is unknown.
    """
    found = lookup(str(parts.hostname), port_of(parts))
    if not found or not all(is_allowed(address, networks) for address in found):
        raise AddressError(str(parts.hostname))
    return found[0]
