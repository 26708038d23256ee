"""The same file twice at once, to a real web server of two processes; and a start with damaged weights."""

from __future__ import annotations

import http.client
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.jobs.site import Site, free_port
from tests.waiting import wait_for

pytestmark = pytest.mark.processes
BOUNDARY = "----boundary"
WEB = ["-m", "gunicorn", "-c", "deepfake_site/gunicorn.py", "deepfake_site.wsgi"]


class Browser:
    """A visitor with cookies, each request on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies = port, dict[str, str]()

    def get(self, path: str = "/") -> tuple[int, str, str]:
        return self._ask("GET", path, b"", {})

    def post(self, content: bytes) -> tuple[int, str, str]:
        """Upload a file. Status, where it leads, and the page."""
        fields = {"csrfmiddlewaretoken": self.cookies["csrftoken"], "frame_count": "10"}
        parts = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
        body = (parts + head).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self._ask("POST", "/", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, {**headers, "Cookie": cookies} if cookies else headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name] = value
        return response.status, response.headers.get("Location", ""), response.read().decode()


def serve(site: Site, port: int, processes: int = 1) -> Browser:
    site.start("web", *WEB, PORT=str(port), WEB_PROCESSES=str(processes))
    browser = Browser(port)

    def answers() -> bool:
        try:
            return browser.get()[0] == 200
        except OSError:
            return False

    wait_for(answers, "the web server answers", pause=0.2)
    return browser


def files(site: Site) -> list[str]:
    return sorted(str(path.relative_to(site.media)) for path in site.media.rglob("*") if path.is_file())


def test_the_same_file_twice_at_once_is_one_video(site_of_each: Site, clip: Path, static_files: Path) -> None:
    site = site_of_each
    site.environment["STATIC_ROOT"] = str(static_files)
    browser = serve(site, free_port(), processes=2)
    browser.get()
    other = clip.read_bytes() + bytes(8)  # another file: makes the session that both uploads belong to
    assert browser.post(other)[0] == 302
    content = clip.read_bytes()
    together = Barrier(4)

    def upload(_: int) -> tuple[int, str, str]:
        together.wait()
        return browser.post(content)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(upload, range(4)))
    assert [status for status, _, _ in answers] == [302] * 4
    assert site.do("videos") == 2
    assert len(files(site)) == 2, "one file for each content, and nothing left of the other copies"
    scans = {place for _, place, _ in answers if place.startswith("/scans/")}
    assert len(scans) == 1, "one scan, however many asked for it"
    leads_to = re.compile(r"/(scans|videos)/[0-9a-f-]{36}/(\?frames=10&detector=\w+)?")
    assert all(leads_to.fullmatch(place) for _, place, _ in answers)


def test_damaged_weights_at_the_start(
    new_site: Callable[..., Site], clip: Path, static_files: Path, tmp_path: Path
) -> None:
    """The site starts, says so on its console and its pages, and takes nothing in."""
    site = new_site(STATIC_ROOT=str(static_files))
    models = tmp_path / "damaged"
    shutil.copytree(site.environment["MODELS_DIR"], models)
    damaged = models / "random" / "head-10.safetensors"
    data = bytearray(damaged.read_bytes())
    data[-5] ^= 0xFF  # of the same size: only its hash tells
    damaged.write_bytes(data)
    site.environment["MODELS_DIR"] = str(models)
    port = free_port()
    site.start("run", "manage.py", "run", PORT=str(port))
    wait_for(lambda: "The site is at" in site.log("run"), "the site starts", pause=0.2)
    wait_for(lambda: "No video can be analysed yet" in site.log("run"), "the console says so", pause=0.2)
    assert "Traceback" not in site.log("run")
    browser = Browser(port)
    status, _, page = browser.get()
    assert status == 200
    assert "No video can be analysed at the moment" in page
    browser.get("/accounts/login/")  # for a token: the page above has no form
    status, _, page = browser.post(clip.read_bytes())
    assert status == 503
    assert "missing or damaged" in page
    assert site.do("videos") == 0
    assert files(site) == []
