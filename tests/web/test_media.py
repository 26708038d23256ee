"""Media go through a view that checks who asks, in ranges, and never with a type that the upload chose."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from ml_app.models import FaceFrame, Scan
from ml_app.web.ranges import UnsatisfiableError, parse_range

CONTENT = bytes(range(200))


@pytest.fixture
def scan(done: Scan) -> Scan:
    done.video.file.save("talk.mp4", ContentFile(CONTENT))
    return done


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("what", ["video", "thumbnail", "heatmap"])
def test_owner_and_staff_see_them_and_nobody_else(
    what: str, owner: Client, stranger: Client, newcomer: Client, staff: Client, scan: Scan
) -> None:
    frame = FaceFrame.objects.filter(face__scan=scan).exclude(heatmap="").first()
    assert frame is not None
    url = f"/scans/{scan.pk}/video" if what == "video" else f"/scans/{scan.pk}/frames/{frame.pk}/{what}"
    response = owner.get(url)
    assert response.status_code == 200
    assert len(body(response)) == int(response["Content-Length"]) > 0
    assert [c.get(url).status_code for c in (staff, stranger, newcomer)] == [200, 404, 404]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert "private" in response["Cache-Control"]
    assert response["Content-Disposition"].startswith("inline")


def test_a_frame_of_another_scan_is_not_found(owner: Client, scan: Scan) -> None:
    from tests.factories import ScanFactory, add_face

    other = add_face(ScanFactory(video__owner="visitor:another", done=True)).frames.first()
    assert other is not None
    assert owner.get(f"/scans/{scan.pk}/frames/{other.pk}/thumbnail").status_code == 404


def test_ranges(owner: Client, scan: Scan) -> None:
    url = f"/scans/{scan.pk}/video"
    response = owner.get(url, headers={"Range": "bytes=10-19"})
    assert response.status_code == 206
    assert body(response) == CONTENT[10:20]
    assert response["Content-Range"] == "bytes 10-19/200"
    assert response["Content-Length"] == "10"
    assert body(owner.get(url, headers={"Range": "bytes=-5"})) == CONTENT[-5:]
    assert body(owner.get(url, headers={"Range": "bytes=190-"})) == CONTENT[190:]
    beyond = owner.get(url, headers={"Range": "bytes=200-"})
    assert (beyond.status_code, beyond["Content-Range"]) == (416, "bytes */200")
    whole = owner.get(url)
    assert (whole.status_code, whole["Accept-Ranges"], body(whole)) == (200, "bytes", CONTENT)


def test_an_old_range_gives_the_whole_and_a_known_file_nothing(owner: Client, scan: Scan) -> None:
    url = f"/scans/{scan.pk}/video"
    etag = owner.get(url)["ETag"]
    changed = owner.get(url, headers={"Range": "bytes=0-1", "If-Range": '"older"'})
    assert changed.status_code == 200
    assert owner.get(url, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert owner.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert owner.head(url)["Content-Length"] == "200"


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("a.webm", "video/webm", "inline"),
        ("a.html", "application/octet-stream", "attachment"),
        ("a.svg", "application/octet-stream", "attachment"),
        ("noname", "application/octet-stream", "attachment"),
    ],
)
def test_the_type_comes_from_a_list(name: str, kind: str, shown: str, owner: Client, done: Scan) -> None:
    done.video.file.save(name, ContentFile(CONTENT))
    response = owner.get(f"/scans/{done.pk}/video")
    assert response["Content-Type"] == kind
    assert response["Content-Disposition"].startswith(shown)


def test_a_purged_file_is_not_found(owner: Client, scan: Scan) -> None:
    scan.video.file.storage.delete(scan.video.file.name)
    assert owner.get(f"/scans/{scan.pk}/video").status_code == 404
    scan.video.file = ""
    scan.video.save()
    assert owner.get(f"/scans/{scan.pk}/video").status_code == 404


def test_nginx_may_send_the_file(owner: Client, stranger: Client, scan: Scan, settings: Any) -> None:
    settings.MEDIA_ACCEL_PREFIX = "/protected-media/"
    response = owner.get(f"/scans/{scan.pk}/video")
    assert response["X-Accel-Redirect"] == f"/protected-media/{scan.video.file.name}"
    assert response.content == b""
    assert response["Content-Type"] == "video/mp4"
    refused = stranger.get(f"/scans/{scan.pk}/video")
    assert refused.status_code == 404
    assert "X-Accel-Redirect" not in refused


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", (0, 9)),
        ("bytes=3-4", (3, 4)),
        ("bytes=3-400", (3, 9)),
        ("bytes=-3", (7, 9)),
        ("bytes=-99", (0, 9)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
    ],
)
def test_parse_range(header: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=-5", 0)])
def test_parse_range_outside(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableError):
        parse_range(header, size)
