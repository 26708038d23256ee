"""The web process is killed while it receives a file: no half row is left, and after a sweep no file."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.site import Site, free_port
from tests.waiting import wait_for

pytestmark = pytest.mark.processes
BOUNDARY = "----boundary"


class Web:
    """The site's Gunicorn, and files posted to it piece by piece."""

    def __init__(self, site: Site) -> None:
        self.site, self.port = site, free_port()
        self.process = self.start()

    def start(self) -> subprocess.Popen[Any]:
        command = ["-m", "gunicorn", "-c", "deepfake_site/gunicorn.py", "deepfake_site.wsgi"]
        process = self.site.start("web", *command, PORT=str(self.port))
        wait_for(self._answers, "the web server answers", pause=0.1)
        return process

    def _answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/alive")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def kill(self) -> None:
        doomed = self.site.processes()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # Not by the environment, which is gone while the files are still being closed.
        wait_for(lambda: not any(map(_runs, doomed)), "its threads' process is gone as well")
        assert not self.site.processes()

    def post(self, name: str, content: bytes, *, send: int | None = None) -> http.client.HTTPConnection:
        """Post a file, or only its first `send` bytes."""
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: video/mp4\r\n\r\n"
        ).encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest("POST", "/upload")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        connection.putheader("Content-Length", str(len(head) + len(content) + len(tail)))
        connection.endheaders()
        connection.send(head + content if send is None else head + content[:send])
        if send is None:
            connection.send(tail)
        return connection


def _runs(pid: int) -> bool:
    """Whether a process still has its files: one that does not exist or waits to be reaped has none.

    Its first thread may have ended while others are still closing what they share.
    """
    try:
        threads = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # one ended between the list and the look at it
        return True
    return any(status.rpartition(")")[2].split()[0] not in "ZX" for status in threads)


def _files(site: Site, kind: str) -> list[Path]:
    return [path for path in (site.media / kind).rglob("*") if path.is_file()]


def test_kill_during_an_upload(new_site: Callable[..., Site], clip: Path) -> None:
    site = new_site(DJANGO_SETTINGS_MODULE="tests.jobs.settings", MAX_UPLOAD_MB="8")
    web = Web(site)
    content = clip.read_bytes()
    _while_it_streams(site, web)
    web.process = web.start()
    _between_move_and_commit(site, web, content)
    web.process = web.start()
    _the_same_file_can_be_uploaded_afterwards(site, web, content)
    _too_large_a_file_is_refused_with_a_sentence(site, web)


def _while_it_streams(site: Site, web: Web) -> None:
    connection = web.post("half.mp4", bytes(4_000_000), send=1_000_000)
    (incoming,) = wait_for(lambda: _files(site, "incoming"), "the upload is being written")
    assert site.do("sweep")["files"] == 0, "a slow upload is not an orphan"
    assert incoming.exists()
    web.kill()
    connection.close()
    assert incoming.exists()
    assert site.do("sweep")["files"] == 1
    assert (site.do("videos"), _files(site, "incoming"), _files(site, "videos")) == (0, [], [])


def _between_move_and_commit(site: Site, web: Web, content: bytes) -> None:
    connection = web.post("slow-two.mp4", content)
    (moved,) = wait_for(lambda: _files(site, "videos"), "the file has its place")
    assert site.do("videos") == 0
    assert moved.read_bytes() == content
    web.kill()
    connection.close()
    assert site.do("videos") == 0, "no half row"
    assert site.do("sweep")["files"] == 1
    assert _files(site, "videos") == []


def _the_same_file_can_be_uploaded_afterwards(site: Site, web: Web, content: bytes) -> None:
    answers = [json.loads(web.post("two.mp4", content).getresponse().read()) for _ in range(2)]
    assert [answer["new"] for answer in answers] == [True, False]
    assert answers[0]["video"] == answers[1]["video"]
    assert site.do("videos") == 1
    (kept,) = _files(site, "videos")
    assert kept.read_bytes() == content
    assert site.do("sweep")["files"] == 0
    assert kept.exists()
    assert _files(site, "incoming") == []


def _too_large_a_file_is_refused_with_a_sentence(site: Site, web: Web) -> None:
    response = web.post("large.mp4", bytes(9 * 1024**2)).getresponse()
    answer = json.loads(response.read())
    assert (response.status, answer["code"]) == (400, "too_large")
    assert "larger than allowed" in answer["message"]
    assert _files(site, "incoming") == []
