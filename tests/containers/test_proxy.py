"""What nginx does in front of the site, asked with curl."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.stack import Stack
from tests.containers.visitor import Visitor, unique_copy

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

NewVisitor = Callable[..., Visitor]


def test_from_upload_to_verdict(stack: Stack, visitor: NewVisitor, clip: Path) -> None:
    anna, stranger = visitor("anna"), visitor("stranger")
    scan = anna.upload(clip)
    assert re.fullmatch(r"/scans/[0-9a-f-]{36}/", scan)
    assert stack.settled()[-1][0] == "done"
    page = anna.get(scan)
    assert page.status == 200
    assert 'class="verdict' in page.text

    # The video comes from nginx, whole and in ranges, with the site's own headers.
    content = clip.read_bytes()
    whole = anna.get(f"{scan}video")
    assert (whole.status, whole.body) == (200, content)
    assert whole.headers["server"] == "nginx"
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in whole.headers["content-security-policy"]
    part = anna.get(f"{scan}video", "--range", "100-199")
    assert (part.status, part.body) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert anna.get(f"{scan}video", "--range", "-50").body == content[-50:]
    assert anna.get(f"{scan}video", "--range", f"{len(content)}-").status == 416
    assert anna.get(f"{scan}video", "--range", "0-9,20-29").body == content, "one range at a time"
    same = anna.get(f"{scan}video", "--header", f"If-None-Match: {whole.headers['etag']}")
    assert (same.status, same.body) == (304, b"")
    assert "accel" not in " ".join(whole.headers)
    pictures = re.findall(rf'src="({scan}frames/\d+/thumbnail)"', page.text)
    assert pictures
    assert anna.get(pictures[0]).body.startswith(b"\xff\xd8"), "a JPEG"

    # For anybody else there is nothing, and no other way to the files.
    for path in (scan, f"{scan}video", pictures[0]):
        assert stranger.get(path).status == 404
    (name,) = stack.sql("select file from ml_app_video")[0]
    for path in (
        f"/protected-media/{name}",
        f"/media/{name}",
        f"/static/../media/{name}",
        "/readyz",
        "/metrics",
    ):
        assert stranger.get(path, "--path-as-is").status == 404


def test_static_files(visitor: NewVisitor) -> None:
    anna = visitor("anna")
    page = anna.get("/")
    styles = re.findall(r'href="(/static/css/\w+\.[0-9a-f]{12}\.css)"', page.text)
    assert styles
    packed = anna.get(styles[0], "--header", "Accept-Encoding: gzip")
    assert packed.status == 200
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    plain = re.sub(r"\.[0-9a-f]{12}", "", styles[0])
    assert anna.get(plain).headers["cache-control"] == "public, max-age=3600"
    page = anna.get("/", "--header", "Accept-Encoding: gzip")
    assert page.headers["content-encoding"] == "gzip"
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_two_gigabytes_stream_through(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    """nginx has 256 MB, so that it can keep none of it; the site's memory stays where it was."""
    large = unique_copy(clip, 1, tmp_path, size=2 * 1024**3)
    started = time.monotonic()
    scan = visitor("anna").upload(large, seconds=600)
    seconds = time.monotonic() - started
    assert scan.startswith("/scans/")
    print(f"2 GiB took {seconds:.0f} s, {2048 / seconds:.0f} MiB/s")  # noqa: T201
    stats = ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}"]
    used = subprocess.run([*stats, stack.containers("web")[0]], capture_output=True, text=True, check=True)
    amount, unit = re.match(r"([\d.]+)(\w+)", used.stdout).groups()  # type: ignore[union-attr]
    assert unit == "MiB"
    assert float(amount) < 900
    assert stack.settled()[-1][0] == "done"
    last = visitor("anna").get(f"{scan}video", "--range", "2147483640-2147483647")
    assert (last.status, last.body) == (206, bytes(8))


def test_too_large(visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    large = unique_copy(clip, 2, tmp_path, size=2200 * 1024**2)
    answer = visitor("anna").post("/", f"video=@{large}", "frame_count=10")
    assert answer.status == 413
    assert "2100" in answer.text, "the site's own page, with the limit"


def test_logins_are_slowed_down(stack: Stack, visitor: NewVisitor) -> None:
    guest = visitor("guest")
    fields = ["login=desk", "password=wrong"]
    for _ in range(3):
        # A forged address is not believed: the failures are counted for the true one.
        forged = ["--header", "X-Forwarded-For: 203.0.113.9", "--header", "X-Real-IP: 203.0.113.9"]
        answer = guest.post("/accounts/login/?next=/admin/", *fields)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)
        assert token is not None
        sent = [f"csrfmiddlewaretoken={token[1]}", *fields]
        guest.get("/accounts/login/", *forged, *(part for field in sent for part in ("--form", field)))
    addresses = stack.sql("select distinct ip_address from axes_accessattempt")
    assert len(addresses) == 1
    assert addresses != [["203.0.113.9"]]
    statuses = [guest.get("/accounts/login/", "--form", "login=x").status for _ in range(30)]
    assert statuses[-1] == 429
    answer = guest.get("/accounts/login/", "--form", "login=x")
    assert "Too many requests" in answer.text
    assert answer.headers["retry-after"]
    assert guest.get("/accounts/login/").status == 200, "the page itself is free"
    stack.run_in("web", "manage", "axes_reset")


def test_log_lines_tell_nothing_about_people(stack: Stack) -> None:
    lines = [line for line in stack.logs("proxy").splitlines() if line.startswith("{")]
    assert lines
    for line in lines:
        assert json.loads(line).keys() == {"time", "request", "method", "path", "status", "bytes", "seconds"}


def test_a_page_while_the_site_is_away(stack: Stack, visitor: NewVisitor) -> None:
    stack.compose("stop", "web")
    try:
        answer = visitor("anna").get("/")
        # 504 as long as nginx remembers the address, at which nobody answers any more
        assert answer.status in (502, 504)
        assert "The site is starting" in answer.text
        assert answer.headers["retry-after"] == "10"
        assert visitor("anna").get("/static/css/site.css").status == 200
    finally:
        stack.up()
    assert visitor("anna").get("/").status == 200
