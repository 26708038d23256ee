"""Whose address the site learns: the connection's own, or a trusted proxy's word, never a client's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.stack import Stack

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

# A login with a wrong password. Prints the address that this container has.
LOGIN = r"""
set -eu
curl -s -c /tmp/jar -H "$0" -o /tmp/page http://localhost/accounts/login/ --connect-to ::proxy:8080
token=$(sed -n 's/.*name="csrfmiddlewaretoken" value="\([A-Za-z0-9]*\)".*/\1/p' /tmp/page | head -n 1)
curl -s -b /tmp/jar -H "$0" -e http://localhost/accounts/login/ -o /dev/null --connect-to ::proxy:8080 \
    -F "csrfmiddlewaretoken=$token" -F login=desk -F password=wrong http://localhost/accounts/login/
hostname -i
"""


def log_in_from_elsewhere(stack: Stack, forwarded: str) -> str:
    """Fail to log in, from a machine of its own on the outer network. Returns the address of that machine."""
    image = f"deepfake-proxy:{stack.settings.get('TAG', 'latest')}"
    command = ["docker", "run", "--rm", "--network", f"{stack.project}_edge", "--entrypoint", "sh", image]
    header = f"X-Forwarded-For: {forwarded}"
    done = subprocess.run([*command, "-c", LOGIN, header], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def failures(stack: Stack) -> list[str]:
    """The addresses for which failed logins are counted; then forgotten."""
    found = [row[0] for row in stack.sql("select ip_address from axes_accessattempt")]
    stack.run_in("web", "manage", "axes_reset")
    return found


@pytest.fixture
def neighbours(stack: Stack) -> Iterator[str]:
    """The outer network, whose machines are proxies to be trusted as long as a test runs."""
    asked = ["docker", "network", "inspect", f"{stack.project}_edge"]
    network = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)[0]
    (subnet,) = (part["Subnet"] for part in network["IPAM"]["Config"])
    stack.settings["TRUSTED_PROXIES"] = subnet
    stack.up("--no-deps", "proxy")
    yield subnet
    del stack.settings["TRUSTED_PROXIES"]
    stack.up("--no-deps", "proxy")


def test_a_forged_address_is_not_believed(stack: Stack) -> None:
    own = log_in_from_elsewhere(stack, "203.0.113.9")
    assert own.count(".") == 3
    assert failures(stack) == [own]


def test_a_trusted_proxy_is_believed(stack: Stack, neighbours: str) -> None:
    """Of what it passes on, only what it has added: the last address that is none of the proxies'."""
    own = log_in_from_elsewhere(stack, "203.0.113.9")
    assert failures(stack) == ["203.0.113.9"]
    log_in_from_elsewhere(stack, f"192.0.2.66, 203.0.113.9, {own}")
    assert failures(stack) == ["203.0.113.9"]
