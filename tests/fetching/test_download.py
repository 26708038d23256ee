"""Plain HTTP: what each answer of a host becomes."""

from __future__ import annotations

import pytest

from ml_app.fetching import download
from ml_app.fetching.download import ask
from ml_app.fetching.errors import FetchError
from ml_app.fetching.hls import joined, segments_of
from ml_app.fetching.page import _chosen, _single
from tests.fetching.server import Host

HERE = ["127.0.0.1/32"]


def read(url: str, at_most: int = 1000) -> bytes:
    with ask(url, HERE) as found:
        return b"".join(found.chunks(at_most))


def code(url: str, at_most: int = 1000) -> str:
    with pytest.raises(FetchError) as refused:
        read(url, at_most)
    return refused.value.code


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(host: Host, status: int) -> None:
    host.gives("/end", b"moving")
    assert read(host.leads("/start", "/end", status)) == b"moving"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "link_needs_login"),
        (403, "link_refused"),
        (404, "link_not_found"),
        (410, "link_not_found"),
        (429, "link_refused"),
        (500, "link_server_error"),
        (503, "link_server_error"),
        (206, "link_refused"),
    ],
)
def test_refusals(host: Host, status: int, expected: str) -> None:
    assert code(host.fails("/no", status)) == expected


def test_more_redirects_than_anybody_needs(host: Host) -> None:
    assert code(host.leads("/round", "/round")) == "link_redirects"
    assert len(host.asked) == download.MOST_REDIRECTS + 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[broken/"])
def test_redirects_to_something_else(host: Host, target: str) -> None:
    assert code(host.leads("/start", target)) == "bad_url"


def test_sizes(host: Host) -> None:
    assert code(host.gives("/large", b"x" * 1001)) == "too_large", "by what it says"
    assert code(host.drips("/endless", b"x" * 100, 0.001)) == "too_large", "by what comes"
    assert len(read(host.gives("/fits", b"x" * 1000))) == 1000
    assert code(host.drips("/lies", b"x", 0.001, Content_Length="5000")) == "too_large"


def test_a_body_that_breaks_off(host: Host) -> None:
    def break_off(handler: object) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Content-Length", "500")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(b"half")  # type: ignore[attr-defined]
        handler.close_connection = True  # type: ignore[attr-defined]

    assert code(host.plays_as("/half", break_off)) == "link_interrupted"


def test_no_byte_for_too_long(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.1)
    assert code(host.plays_as("/silent", lambda handler: host.over.wait())) == "link_timeout"


def test_nobody_listens(host: Host) -> None:
    host.close()
    assert code(f"{host.url}/") == "link_unreachable"


def test_nonsense_instead_of_http(host: Host) -> None:
    assert code(host.plays_as("/", lambda handler: handler.wfile.write(b"SSH-2.0\r\n"))) == "link_unreachable"
    assert code(host.url.replace("http", "https")) == "link_unreachable", "no TLS there"


@pytest.mark.parametrize(
    ("path", "disposition", "name"),
    [
        ("/a%20talk.mp4", "", "a talk.mp4"),
        ("/get", 'attachment; filename="talk.webm"', "talk.webm"),
        ("/get", "attachment; filename*=UTF-8''Gespr%C3%A4ch.mp4", "Gespr\u00e4ch.mp4"),
        ("/get", 'attachment; filename="../../etc/cron.d/x.mp4"', "x.mp4"),
        ("/get", 'attachment; filename="..\\\\..\\\\x.mp4"', "x.mp4"),
    ],
)
def test_names(host: Host, path: str, disposition: str, name: str) -> None:
    headers = {"Content_Disposition": disposition} if disposition else {}
    with ask(host.gives(path, b"x", **headers), HERE) as found:
        assert found.name == name


def test_parts_of_a_stream_are_joined(host: Host) -> None:
    host.gives("/s/0.ts", b"aa")
    host.gives("/s/1.ts", b"bb")
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n0.ts\n#EXTINF:2,\n1.ts\n#EXT-X-ENDLIST\n"
    playlist = host.gives("/s/all.m3u8", text.encode(), "application/vnd.apple.mpegurl")
    assert b"".join(joined(playlist, HERE, {}, 10)) == b"aabb"
    with pytest.raises(FetchError) as refused:
        list(joined(playlist, HERE, {}, 3))
    assert refused.value.code == "too_large"


def test_a_part_of_a_stream_in_a_private_network(host: Host) -> None:
    text = "#EXTM3U\n#EXTINF:2,\nhttp://169.254.169.254/latest\n#EXT-X-ENDLIST\n"
    playlist = host.gives("/s/all.m3u8", text.encode(), "application/vnd.apple.mpegurl")
    with pytest.raises(FetchError) as refused:
        list(joined(playlist, HERE, {}, 10))
    assert refused.value.code == "address_not_allowed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "link_stream"),
        ("<html>", "link_stream"),
        ("#EXTM3U\n#EXTINF:2,\n0.ts\n", "link_live"),
        ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=k\n#EXTINF:2,\n0.ts\n#EXT-X-ENDLIST", "protected"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:5@0\n0.ts\n#EXT-X-ENDLIST", "link_stream"),
    ],
)
def test_streams_that_cannot_be_joined(text: str, expected: str) -> None:
    with pytest.raises(FetchError) as refused:
        segments_of(text, "https://host.example/all.m3u8")
    assert refused.value.code == expected


def test_the_first_part_of_a_stream_is_its_head() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="head.mp4"\n#EXTINF:2,\n/0.m4s\n#EXT-X-ENDLIST'
    assert segments_of(text, "https://host.example/a/all.m3u8") == [
        "https://host.example/a/head.mp4",
        "https://host.example/0.m4s",
    ]


def _format(**values: object) -> dict[str, object]:
    return {"url": "https://host.example/v", "protocol": "https", "vcodec": "h264", "ext": "mp4", **values}


def test_of_a_page_the_tallest_picture_up_to_1080_lines_is_taken() -> None:
    heights = [_format(height=height, url=f"https://host.example/{height}") for height in (360, 1080, 2160)]
    sound = _format(vcodec="none", height=1080, url="https://host.example/sound")
    stream = _format(protocol="m3u8_native", height=1080, url="https://host.example/m3u8")
    found = _chosen({"formats": [sound, *heights, stream], "title": "A", "channel": "B"})
    assert (found.url, found.title, found.uploader) == ("https://host.example/1080", "A", "B")
    assert _chosen({"formats": [heights[2]]}).url.endswith("2160")
    assert _chosen({"formats": [stream]}).segments


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (None, "link_no_video"),
        ({"_type": "playlist", "entries": []}, "link_no_video"),
        ({"_type": "playlist", "entries": [_format(), _format()]}, "link_several"),
        ({"live_status": "is_live", "formats": [_format()]}, "link_live"),
        ({"formats": [_format(vcodec="none")]}, "link_no_video"),
        ({"formats": [_format(has_drm=True)]}, "protected"),
        ({"formats": [_format(protocol="rtmp")]}, "link_stream"),
    ],
)
def test_pages_without_one_video(info: dict[str, object] | None, expected: str) -> None:
    with pytest.raises(FetchError) as refused:
        _chosen(_single(info))
    assert refused.value.code == expected
