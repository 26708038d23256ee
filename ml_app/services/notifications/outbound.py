"""What this site sends to addresses that people typed in: to public hosts alone, and within limits."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin

from ml_app.errors import refuse
from ml_app.fetching import addresses
from ml_app.fetching.addresses import Lookup, addresses_of
from ml_app.fetching.connection import Connection, connect_to, target_of
from ml_app.fetching.errors import FetchError

TIMEOUT_SECONDS = 5.0  # for each step; and all together may take
DEADLINE_SECONDS = 15.0
MOST_REDIRECTS = 3
MOST_BYTES = 64 * 1024  # of an answer, which nobody needs
KEEPS_METHOD = (307, 308)  # other redirects turn a POST into a GET


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back. `status` is 0 where nothing did; `error` is then a code or what the network said."""

    status: int
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it arrived."""
        return 200 <= self.status < 300


def check_url(url: str) -> None:
    """
    Raises:
        ServiceError: "bad_url": nothing can be asked of it.
    """
    try:
        addresses.check_url(url)
    except FetchError as error:
        raise refuse(error.code) from error


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
            parts = addresses.check_url(url)
            left = max(0.1, until - time.monotonic())
            connection = connect_to(parts, networks, min(TIMEOUT_SECONDS, left), lookup)
            status, location = _send(connection, parts, body, headers)
        except FetchError as error:
            return Outcome(0, error.code)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(0, f"{type(error).__name__}: {error}"[:200])
        if status not in KEEPS_METHOD or not location:
            return Outcome(status, "" if 200 <= status < 300 else f"HTTP {status}")
        url = urljoin(url, location)
    return Outcome(0, "too_many_redirects")


def _send(
    connection: Connection, parts: SplitResult, body: bytes, headers: Mapping[str, str]
) -> tuple[int, str]:
    try:
        connection.request("POST", target_of(parts), body, dict(headers))
        response = connection.getresponse()
        response.read(MOST_BYTES)
        return response.status, response.headers.get("Location", "")
    finally:
        connection.close()
