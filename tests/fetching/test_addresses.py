"""Which addresses may be asked: each kind of private one, named, by a redirect and by a name server."""

from __future__ import annotations

import socket

import pytest

from ml_app.fetching.addresses import check_url, is_allowed
from ml_app.fetching.download import ask
from ml_app.fetching.errors import FetchError
from tests.fetching.server import Host

PRIVATE = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.9.9.9",
    "private A": "10.0.0.1",
    "private B": "172.16.0.1",
    "private C": "192.168.1.1",
    "metadata": "169.254.169.254",
    "metadata of another cloud": "100.100.100.200",
    "shared": "100.64.0.1",
    "this network": "0.0.0.0",
    "broadcast": "255.255.255.255",
    "multicast": "224.0.0.1",
    "protocol assignments": "192.0.0.1",
    "benchmarks": "198.18.0.1",
    "documentation": "203.0.113.7",
    "reserved": "240.0.0.1",
    "loopback 6": "::1",
    "unspecified 6": "::",
    "link local 6": "fe80::1",
    "link local 6 with a zone": "fe80::1%lo",
    "site local 6": "fec0::1",
    "unique local 6": "fc00::1",
    "metadata 6": "fd00:ec2::254",
    "multicast 6": "ff02::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "compatible loopback": "::127.0.0.1",
    "translated": "::ffff:0:127.0.0.1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 local": "64:ff9b:1::a9fe:a9fe",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 private": "2002:a00:1::",
    "Teredo private": "2001:0:a00:1::f5ff:fffe",
    "documentation 6": "2001:db8::1",
    "discard 6": "100::1",
}
# The same address in forms that a library or the system may take for it.
FORMS = ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::ffff:7f00:1]", "localhost", "LOCALHOST.")


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE)
def test_private_addresses_are_not_asked(address: str, host: Host) -> None:
    """Directly, after a redirect, and as what a name means: alone, beside a public one, at a second look."""
    assert not is_allowed(address, [])
    written = f"[{address.partition('%')[0]}]" if ":" in address else address
    start = host.leads("/start", f"http://{written}:{host.port}/secret")
    looks = iter([["127.0.0.1"], [address]])
    ways = {
        "named": (f"http://{written}:{host.port}/secret", None),
        "redirect": (start, None),
        "name": (f"http://name.example:{host.port}/secret", lambda name, port: [address]),
        "name of two": (f"http://name.example:{host.port}/secret", lambda name, port: ["8.8.8.8", address]),
        "rebound": (
            host.leads("/again", f"http://name.example:{host.port}/secret"),
            lambda name, port: next(looks),
        ),
    }
    allowed = ["127.0.0.1/32"] if is_allowed_but_for(address) else ["127.0.0.2/32"]
    for way, (url, lookup) in ways.items():
        if allowed == ["127.0.0.2/32"] and way in ("redirect", "rebound"):
            continue  # the host of the test has the very address that is to be refused
        with (
            pytest.raises(FetchError) as refused,
            ask(url, allowed, **({"lookup": lookup} if lookup else {})),
        ):
            pass
        assert refused.value.code == "address_not_allowed", way
    assert "/secret" not in host.asked


def is_allowed_but_for(address: str) -> bool:
    """Whether 127.0.0.1, where the host of the tests listens, may be allowed while `address` is tried."""
    return not is_allowed(address, ["127.0.0.1/32"])


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_of_the_same_address(form: str, host: Host) -> None:
    with pytest.raises(FetchError) as refused, ask(f"http://{form}:{host.port}/secret", []):
        pass
    assert refused.value.code in ("address_not_allowed", "link_unreachable")
    assert host.asked == []


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_ones_are(address: str) -> None:
    assert is_allowed(address, [])


def test_a_setting_allows_networks() -> None:
    assert is_allowed("10.1.2.3", ["10.0.0.0/8"])
    assert is_allowed("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert not is_allowed("192.168.0.1", ["10.0.0.0/8"])
    assert not is_allowed("a name", ["0.0.0.0/0"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "clip.mp4",
        "ftp://host/clip.mp4",
        "file:///etc/passwd",
        "gopher://host/",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "http://",
        "http:///clip",
        "http://user:password@host/",
        "http://host:0/",
        "http://host:99999/",
        "http://[::1/",
        "http://host/a b",
        "http://host/\r\nX: y",
        "http://h\u00f6st/",
        "http://evil\\@127.0.0.1/",
        f"http://host/{'a' * 2000}",
    ],
)
def test_what_is_no_address_to_ask(url: str) -> None:
    with pytest.raises(FetchError) as refused:
        check_url(url)
    assert refused.value.code == "bad_url"


def test_a_name_that_changes_its_mind_is_looked_up_once(host: Host) -> None:
    """The connection goes to the address that was judged; only the Host header has the name."""
    host.gives("/clip.mp4", b"x")
    looks: list[str] = []

    def lookup(name: str, port: int) -> list[str]:
        looks.append(name)
        return ["127.0.0.1"] if len(looks) == 1 else ["169.254.169.254"]

    with ask(f"http://name.example:{host.port}/clip.mp4", ["127.0.0.1"], lookup=lookup) as found:
        assert b"".join(found.chunks(10)) == b"x"
    assert looks == ["name.example"]


def test_an_unknown_name() -> None:
    def lookup(name: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FetchError) as refused, ask("http://nowhere.example/", [], lookup=lookup):
        pass
    assert refused.value.code == "link_unreachable"
    with pytest.raises(FetchError) as refused, ask(f"http://{'a' * 70}.example/", []):
        pass
    assert refused.value.code == "bad_url"
