"""The installable site: manifest, service worker, offline page, files that are shared."""

from __future__ import annotations

import json
import re
from pathlib import Path

from django.contrib.staticfiles import finders
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from ml_app.models import Video
from tests.project.icons import icons


def test_the_manifest_names_what_there_is(newcomer: Client) -> None:
    page = newcomer.get("/").content.decode()
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    response = newcomer.get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    said = json.loads(response.content)
    assert newcomer.get(said["start_url"]).status_code == 200
    for icon in said["icons"]:
        path = finders.find(icon["src"].removeprefix("/static/"))
        assert path
        with Image.open(path) as picture:
            assert icon["sizes"] == f"{picture.width}x{picture.height}"
    assert any(icon["purpose"] == "maskable" for icon in said["icons"])
    share = said["share_target"]
    assert (share["action"], share["method"], share["enctype"]) == ("/share/", "POST", "multipart/form-data")
    assert "video/*" in share["params"]["files"][0]["accept"]
    german = newcomer.get("/manifest.webmanifest", headers={"Accept-Language": "de"}).json()
    assert (german["lang"], german["description"] != said["description"]) == ("de", True)


def test_the_icons_are_as_the_code_draws_them() -> None:
    for name, picture in icons().items():
        with Image.open(Path(str(finders.find(f"img/{name}")))) as kept:
            assert kept.convert("RGB").tobytes() == picture.convert("RGB").tobytes()


def test_the_service_worker_keeps_the_offline_page_and_nothing_else(newcomer: Client) -> None:
    response = newcomer.get("/sw.js")
    script = response.content.decode()
    assert response["Content-Type"] == "text/javascript"
    assert "no-cache" in response["Cache-Control"]
    (kept,) = re.findall(r"const KEPT = \[(.*)\];", script)
    addresses = [part.strip(' "') for part in kept.replace("OFFLINE", '"/offline/"').split(",")]
    assert addresses[0] == "/offline/"
    for address in addresses[1:]:
        assert finders.find(address.removeprefix("/static/")), address
    assert "cache.put" not in script
    assert script.count("addAll") == 1
    assert "You are offline" in newcomer.get("/offline/").content.decode()


def test_the_policy_allows_manifest_and_worker_of_this_site_alone(newcomer: Client) -> None:
    policy = newcomer.get("/")["Content-Security-Policy"]
    for part in ("default-src 'none'", "script-src 'self'", "manifest-src 'self'", "worker-src 'self'"):
        assert part in policy
    assert "unsafe" not in policy


def test_a_file_that_reaches_the_server_by_sharing_is_asked_for_again(newcomer: Client) -> None:
    """Only where there is no service worker: nothing is kept, for nothing proves who sent it."""
    file = SimpleUploadedFile("talk.mp4", b"x" * 100_000)
    response = newcomer.post("/share/", {"shared": file})
    assert (response.status_code, response["Location"]) == (302, "/?shared=lost")
    assert not Video.objects.exists()
    assert "did not arrive" in newcomer.get(response["Location"]).content.decode()
    assert "did not arrive" not in newcomer.get("/").content.decode()
