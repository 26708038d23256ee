"""Links from end to end: the process that fetches, its limits, and what it may not do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ml_app.detection.errors import Cancelled
from ml_app.fetching import fetch as fetching
from ml_app.fetching.errors import FetchError
from ml_app.fetching.fetch import Fetched, FetchLimits, fetch
from tests.fetching.server import Host

ROOT = Path(__file__).resolve().parents[2]
HERE = ["127.0.0.1/32"]
LIMITS = FetchLimits(max_bytes=100_000, seconds=240.0)
PAGE = """<!doctype html><html><head><title>Site</title>
<script type="application/ld+json">
{"@context": "https://schema.org", "@type": "VideoObject", "name": "A talk",
"contentUrl": "URL", "author": {"@type": "Person", "name": "Jane Doe"}, "uploadDate": "2024-01-01"}</script>
</head><body><p>Watch it</p></body></html>"""


def page(host: Host, path: str, video: str) -> str:
    return host.gives(path, PAGE.replace("URL", video).encode(), "text/html; charset=utf-8")


def load(url: str, limits: FetchLimits = LIMITS) -> tuple[Fetched, bytes]:
    data = bytearray()
    return fetch(url, data.extend, limits=limits, networks=HERE), bytes(data)


def code(url: str, limits: FetchLimits = LIMITS) -> str:
    with pytest.raises(FetchError) as refused:
        load(url, limits)
    return refused.value.code


def test_a_file(host: Host) -> None:
    heard: list[tuple[int, int | None]] = []
    url = host.leads("/short", host.gives("/talk.mp4", b"x" * 90_000))
    data = bytearray()
    found = fetch(
        url, data.extend, limits=LIMITS, networks=HERE, on_progress=lambda *told: heard.append(told)
    )
    assert found == Fetched(f"{host.url}/talk.mp4", "talk.mp4", "", "")
    assert bytes(data) == b"x" * 90_000
    assert heard[-1] == (90_000, 90_000)


def test_the_video_of_a_page(host: Host) -> None:
    url = page(host, "/watch", host.gives("/files/1", b"video", "video/mp4"))
    found, data = load(url)
    assert data == b"video"
    assert (found.url, found.title, found.uploader) == (url, "A talk", "Jane Doe")
    assert found.name == "A talk.mp4"


def test_a_page_whose_video_lies_in_a_private_network(host: Host) -> None:
    assert code(page(host, "/watch", f"http://127.0.0.2:{host.port}/secret.mp4")) == "address_not_allowed"
    assert "/secret.mp4" not in host.asked


def test_a_page_without_a_video(host: Host) -> None:
    assert code(host.gives("/words", b"<html><body>Only words</body></html>", "text/html")) == "link_no_video"


def test_endless_and_slow_ones(host: Host) -> None:
    assert code(host.drips("/endless", b"x" * 10_000, 0.001)) == "too_large"
    slow = FetchLimits(max_bytes=100_000, slow_seconds=0.5, slow_bytes=1000)
    assert code(host.drips("/slow", b"x", 0.05), slow) == "link_slow"
    short = FetchLimits(max_bytes=100_000, seconds=1.0)
    assert code(host.drips("/slow-head", b"x", 0.05), short) == "link_timeout"

    def loris(handler: object) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")  # type: ignore[attr-defined]
        while not host.over.wait(0.05):
            handler.wfile.write(b"X: y\r\n")  # type: ignore[attr-defined]

    assert code(host.plays_as("/loris", loris), short) in ("link_timeout", "link_unreachable")


def test_somebody_changes_their_mind(host: Host) -> None:
    asked = threading.Event()

    def wait(handler: object) -> None:
        asked.set()
        host.over.wait()

    url = host.plays_as("/waits", wait)
    with pytest.raises(Cancelled):
        fetch(url, lambda data: None, limits=LIMITS, networks=HERE, cancelled=asked.is_set)


def test_what_the_reader_raises_ends_it(host: Host) -> None:
    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fetch(host.gives("/a.mp4", b"x" * 1000), full, limits=LIMITS, networks=HERE)


@pytest.mark.parametrize("way", ["redirect", "page"])
def test_a_name_server_that_changes_its_mind(host: Host, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again, by us or by yt-dlp, it names another address, and nothing connects to that."""
    monkeypatch.setattr(fetching, "_MODULE", "tests.fetching.rebinding")
    start = f"http://name.example:{host.port}/start"
    if way == "redirect":
        host.leads("/start", f"http://name.example:{host.port}/secret")
    else:
        page(host, "/start", f"http://name.example:{host.port}/secret")
    assert code(start) == "address_not_allowed"
    assert host.asked == ["/start"]


def test_a_process_that_talks_nonsense(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_MODULE", "this")
    assert code(host.gives("/a.mp4", b"x")) == "link_failed"


def test_the_process_may_do_nothing_else(host: Host, tmp_path: Path) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text("secret")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fetching.breaking_out", str(host.port), str(secret)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found.pop("import") == "decimal"
    addresses = {"connect", "connect_ex", "connect to a name", "create_connection", "unix socket"}
    assert {name for name, how in found.items() if how == "AddressError"} == addresses
    assert {name for name, how in found.items() if how == "PermissionError"} == set(found) - addresses
    assert secret.read_text() == "secret"
    assert host.asked == []
