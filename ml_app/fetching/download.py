"""Plain HTTP: an address is asked, redirects are followed, and the answer is read as it comes."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from ml_app.fetching.addresses import Lookup, addresses_of, check_url
from ml_app.fetching.connection import connect_to, target_of
from ml_app.fetching.errors import FetchError

TIMEOUT_SECONDS = 15.0  # without a byte
MOST_REDIRECTS = 5
CHUNK = 1 << 16
HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; deepfake-site)",
    "Accept": "video/*, image/*, application/octet-stream, text/html;q=0.8, */*;q=0.5",
    "Accept-Encoding": "identity",
}
PAGES = ("text/html", "application/xhtml+xml")
PLAYLISTS = ("mpegurl", "dash+xml")
_NAME = re.compile(r"""filename\*?=(?:UTF-8'[^']*')?"?([^";]+)""", re.IGNORECASE)
_CODES = {
    401: "link_needs_login",
    402: "link_needs_login",
    403: "link_refused",
    404: "link_not_found",
    407: "link_refused",
    410: "link_not_found",
    429: "link_refused",
    451: "link_refused",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host has answered, before its body is read."""

    url: str
    kind: str  # its content type, in lower case and without parameters
    length: int | None  # bytes, if it says so
    name: str  # of the file
    response: http.client.HTTPResponse

    @property
    def is_page(self) -> bool:
        """Whether people read it."""
        return self.kind in PAGES

    @property
    def is_playlist(self) -> bool:
        """Whether it only lists the parts of a video."""
        return any(word in self.kind for word in PLAYLISTS) or self.name.lower().endswith((".m3u8", ".mpd"))

    def chunks(self, at_most: int) -> Iterator[bytes]:
        """The body.

        Raises:
            FetchError: "too_large" for more than `at_most` bytes, "link_interrupted" for less than were told.
        """
        if self.length is not None and self.length > at_most:
            raise FetchError("too_large", f"{self.length} bytes, at most {at_most}")
        come = 0
        with _words():
            while data := self.response.read1(CHUNK):
                come += len(data)
                if come > at_most:
                    raise FetchError("too_large", f"more than {at_most} bytes")
                yield data
        if self.length is not None and come < self.length:
            raise FetchError("link_interrupted", f"{come} of {self.length} bytes")


@contextmanager
def ask(
    url: str,
    networks: Sequence[str],
    *,
    headers: Mapping[str, str] | None = None,
    lookup: Lookup = addresses_of,
) -> Iterator[Answer]:
    """Ask an address, and the ones that it leads to.

    Args:
        networks: That may be reached although they are not public.
        headers: On top of our own, or in their stead.

    Raises:
        FetchError: Why there is nothing to be had.
    """
    for _ in range(MOST_REDIRECTS + 1):
        parts = check_url(url)
        with _words():
            connection = connect_to(parts, networks, TIMEOUT_SECONDS, lookup)
        try:
            with _words():
                connection.request("GET", target_of(parts), headers=HEADERS | dict(headers or {}))
                response = connection.getresponse()
            location = response.headers.get("Location")
            if response.status in (301, 302, 303, 307, 308) and location:
                url = _next(url, location)
                continue
            yield _answer(url, response)
            return
        finally:
            connection.close()
    raise FetchError("link_redirects")


def _next(url: str, location: str) -> str:
    plain = location.encode("latin-1", "replace").decode("utf-8", "replace").strip()
    try:
        return urljoin(url, "".join(char if char.isascii() else _quoted(char) for char in plain))
    except ValueError as error:
        raise FetchError("bad_url") from error


def _quoted(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _answer(url: str, response: http.client.HTTPResponse) -> Answer:
    status = response.status
    if status != HTTPStatus.OK:
        code = _CODES.get(status, "link_refused" if status < 500 else "link_server_error")
        raise FetchError(code, f"HTTP {status}")
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        raise FetchError("link_refused", "compressed although it was asked not to be")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    said = response.headers.get("Content-Length", "")
    length = int(said) if said.isascii() and said.isdigit() else None
    return Answer(url, kind, length, _name(url, response.headers.get("Content-Disposition", "")), response)


def _name(url: str, disposition: str) -> str:
    found = _NAME.search(disposition)
    name = unquote(found.group(1)) if found else unquote(urlsplit(url).path)
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(char for char in last if char.isprintable())[:255]


@contextmanager
def _words() -> Iterator[None]:
    """Errors of the network, as codes."""
    try:
        yield
    except FetchError:
        raise
    except TimeoutError as error:
        raise FetchError("link_timeout", "no byte for too long") from error
    except ssl.SSLError as error:
        raise FetchError("link_unreachable", f"TLS: {error.reason}") from error
    except socket.gaierror as error:
        raise FetchError("link_unreachable", f"the name is unknown: {error.strerror}") from error
    except http.client.IncompleteRead as error:
        raise FetchError("link_interrupted") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise FetchError("link_unreachable", f"{type(error).__name__}: {error}") from error
