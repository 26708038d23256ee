"""The process that fetches one link: limited, guarded, and without a way to anything but public hosts.

It hears one line of JSON and answers in messages: four bytes of length, a JSON header, for data its bytes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

from ml_app.fetching import hls
from ml_app.fetching.download import Answer, ask
from ml_app.fetching.errors import FetchError
from ml_app.fetching.guard import Guard
from ml_app.fetching.page import find_video
from ml_app.sandbox.limits import die_with, limit

_FILES = 64
_PERHAPS_ONLY_TO_US = ("link_refused", "link_needs_login")  # yt-dlp knows other ways into some sites
_SNIFFED = 512  # bytes of a body that tell a page from a file where the server says neither


def restrict(task: dict[str, Any]) -> None:
    """Take the limits upon us, and die with our parent."""
    if not die_with(task["parent"]):
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit(int(task["cpu_seconds"]), int(task["memory_bytes"]), _FILES)


def say(header: dict[str, Any], data: bytes = b"") -> None:
    """Send one message."""
    text = json.dumps(header).encode()
    view = memoryview(len(text).to_bytes(4) + text + data)
    while view:
        view = view[os.write(1, view) :]


def fetch(task: dict[str, Any]) -> None:
    """The file of a link, or of the video on its page.

    Raises:
        FetchError: It cannot be had.
    """
    try:
        _fetch(task["url"], task["networks"], task["max_bytes"])
    except FetchError as error:
        if error.code not in _PERHAPS_ONLY_TO_US:
            raise
        try:
            _fetch_from(task["url"], task["networks"], task["max_bytes"])
        except FetchError as second:
            raise (error if second.code == "link_no_video" else second) from error


def _fetch(url: str, networks: list[str], at_most: int) -> None:
    with ask(url, networks) as answer:
        chunks = answer.chunks(at_most)
        first = b"" if answer.is_page or answer.is_playlist else next(chunks, b"")
        if not answer.is_playlist and not _looks_like_a_page(answer, first):
            say({"total": answer.length})
            _pass_on(first, chunks)
            say({"done": True, "url": answer.url, "name": answer.name, "title": "", "uploader": ""})
            return
        page = answer.url
    _fetch_from(page, networks, at_most)


def _looks_like_a_page(answer: Answer, first: bytes) -> bool:
    start = first[:_SNIFFED].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return answer.is_page or start.startswith((b"<!doctype html", b"<html", b"#extm3u"))


def _fetch_from(page: str, networks: list[str], at_most: int) -> None:
    found = find_video(page)
    told = {"done": True, "url": page, "title": found.title, "uploader": found.uploader}
    if found.segments:
        say({"total": None})
        _pass_on(b"", hls.joined(found.url, networks, found.headers, at_most))
        say(told | {"name": f"{found.title or 'video'}.ts"})
        return
    with ask(found.url, networks, headers=found.headers) as answer:
        say({"total": answer.length})
        _pass_on(b"", answer.chunks(at_most))
        suffix = f".{found.suffix}" if found.suffix.isalnum() else ""
        say(told | {"name": f"{found.title}{suffix}" if found.title else answer.name})


def _pass_on(first: bytes, rest: Iterable[bytes]) -> None:
    if first:
        say({"data": len(first)}, first)
    for data in rest:
        say({"data": len(data)}, data)


def main() -> None:
    """Fetch what the line on the standard input asks for."""
    task = json.loads(sys.stdin.buffer.readline())
    restrict(task)
    guard = Guard(task["networks"])
    guard.install()
    try:
        fetch(task)
    except FetchError as error:
        say({"error": "address_not_allowed" if guard.refused else error.code, "detail": error.detail})
    except BrokenPipeError:
        pass
    except Exception as error:
        code = "address_not_allowed" if guard.refused else "link_failed"
        say({"error": code, "detail": f"{type(error).__name__}: {error}"})
    os._exit(0)


if __name__ == "__main__":
    main()
