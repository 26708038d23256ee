"""HLS: the parts of a video, one after the other. Joined, they are a file that can be decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urljoin

from ml_app.fetching.download import ask
from ml_app.fetching.errors import FetchError

LARGEST_PLAYLIST = 2 * 1024**2  # bytes
MOST_SEGMENTS = 20_000
_URI = re.compile(r'URI="([^"]+)"')


def segments_of(text: str, url: str) -> list[str]:
    """The addresses of the parts that a media playlist lists (RFC 8216), in their order.

    Raises:
        FetchError: "protected", "link_live", or "link_stream" for what cannot simply be joined.
    """
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0].removeprefix("\ufeff") != "#EXTM3U":
        raise FetchError("link_stream", "no playlist")
    if any(line.startswith("#EXT-X-KEY") and "METHOD=NONE" not in line for line in lines):
        raise FetchError("protected")
    if any(line.startswith(("#EXT-X-BYTERANGE", "#EXT-X-STREAM-INF")) for line in lines):
        raise FetchError("link_stream", "byte ranges, or a playlist of playlists")
    if "#EXT-X-ENDLIST" not in lines:
        raise FetchError("link_live")
    first = [
        found.group(1) for line in lines if line.startswith("#EXT-X-MAP") and (found := _URI.search(line))
    ]
    parts = first[:1] + [line for line in lines if line and not line.startswith("#")]
    if len(parts) > MOST_SEGMENTS:
        raise FetchError("too_large", f"{len(parts)} parts")
    return [urljoin(url, part) for part in parts]


def joined(url: str, networks: Sequence[str], headers: Mapping[str, str], at_most: int) -> Iterator[bytes]:
    """The bytes of all parts.

    Raises:
        FetchError: As `ask`, `Answer.chunks` and `segments_of` do.
    """
    with ask(url, networks, headers=headers) as answer:
        text = b"".join(answer.chunks(LARGEST_PLAYLIST)).decode("utf-8", "replace")
        parts = segments_of(text, answer.url)
    left = at_most
    for part in parts:
        with ask(part, networks, headers=headers) as answer:
            for data in answer.chunks(left):
                left -= len(data)
                yield data
