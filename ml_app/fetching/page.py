"""The video of a page, found by yt-dlp. Only what it finds is used: the file itself is read by `download`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ml_app.fetching.errors import FetchError

TALLEST = 1080  # pixels; more of a picture is scaled down before anybody looks at it
SECONDS = 15  # without a byte
_PLAIN = ("http", "https")
_LOGIN = re.compile(
    r"log.?in|sign.?in|cookies|account|registered users|members?.only|subscri|private video|password|premium",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"HTTP Error (404|410)|not found|removed|deleted|does not exist|no longer available", re.IGNORECASE
)
_REFUSED = re.compile(
    r"HTTP Error 4\d\d|geo|your (country|location|region)|blocked|not available|captcha|bot\b", re.IGNORECASE
)
_SERVER = re.compile(r"HTTP Error 5\d\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A video of a page."""

    url: str
    headers: dict[str, str]
    title: str
    uploader: str
    segments: bool = False  # `url` is a playlist of HLS
    suffix: str = field(default="")


class _Silent:
    """yt-dlp talks; the code that it ends with is all that is told."""

    def debug(self, text: str) -> None:
        pass

    info = warning = error = debug


_OPTIONS: dict[str, Any] = {
    "quiet": True,
    "no_warnings": True,
    "logger": _Silent(),
    "cachedir": False,
    "proxy": "",
    "noplaylist": True,
    "playlist_items": "1:2",
    "format": "all",
    "ignore_no_formats_error": True,
    "check_formats": False,
    "socket_timeout": SECONDS,
    "retries": 1,
    "extractor_retries": 1,
    "usenetrc": False,
    "enable_file_urls": False,
}


def find_video(url: str) -> Found:
    """The video of a page.

    Raises:
        FetchError: There is none, or several, or the site gives it to nobody, or not to us.
    """
    from yt_dlp import YoutubeDL  # noqa: PLC0415 - a second, which plain files need not wait for
    from yt_dlp.utils import YoutubeDLError  # noqa: PLC0415

    try:
        with YoutubeDL(_OPTIONS) as library:
            info = library.extract_info(url, download=False)
    except YoutubeDLError as error:
        raise FetchError(_code(error), _detail(error)) from error
    return _chosen(_single(info))


def _single(info: Any) -> dict[str, Any]:
    if not isinstance(info, dict):
        raise FetchError("link_no_video")
    if info.get("_type") in ("playlist", "multi_video"):
        entries = [entry for entry in info.get("entries") or () if entry]
        if len(entries) != 1:
            raise FetchError("link_several" if entries else "link_no_video")
        whole = {key: info[key] for key in ("title", "uploader") if info.get(key)}
        return dict(entries[0]) | whole  # the one entry is called "title (1)"
    return info


def _chosen(info: dict[str, Any]) -> Found:
    if info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise FetchError("link_live")
    formats = info.get("formats") or ([info] if info.get("url") else [])
    moving = [one for one in formats if one.get("vcodec") != "none" and one.get("url")]
    open_ones = [one for one in moving if not one.get("has_drm")]
    if not open_ones:
        raise FetchError("protected" if moving or info.get("_has_drm") else "link_no_video")
    plain = [one for one in open_ones if one.get("protocol") in _PLAIN]
    segments = [one for one in open_ones if str(one.get("protocol")).startswith("m3u8")]
    if not plain and not segments:
        raise FetchError("link_stream")
    best = max(plain or segments, key=_rank)
    return Found(
        url=str(best["url"]),
        headers={str(key): str(value) for key, value in (best.get("http_headers") or {}).items()},
        title=str(info.get("title") or "")[:300],
        uploader=str(info.get("uploader") or info.get("channel") or info.get("creator") or "")[:300],
        segments=not plain,
        suffix=str(best.get("ext") or "")[:8],
    )


def _rank(one: dict[str, Any]) -> tuple[float, ...]:
    """The tallest picture up to 1080 lines; of those taller, the least."""
    height, rate = float(one.get("height") or 0), float(one.get("tbr") or 0)
    return (1.0, height, rate) if height <= TALLEST else (0.0, -height, rate)


def _code(error: BaseException) -> str:
    text = str(error)
    kind = type(getattr(error, "exc_info", (None, None))[1] or error).__name__
    if kind == "UnsupportedError":
        return "link_no_video"
    if kind == "GeoRestrictedError":
        return "link_refused"
    if "DRM" in text:
        return "protected"
    for pattern, code in (
        (_LOGIN, "link_needs_login"),
        (_GONE, "link_not_found"),
        (_REFUSED, "link_refused"),
        (_SERVER, "link_server_error"),
    ):
        if pattern.search(text):
            return code
    return "link_no_video" if "No video" in text or "Unsupported URL" in text else "link_refused"


def _detail(error: BaseException) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|https?://\S+", "", str(error)).strip()
