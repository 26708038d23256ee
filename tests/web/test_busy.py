"""A full queue: told before an upload, and refused without reading it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from ml_app.models import Scan, Video
from tests.factories import ScanFactory
from tests.media import Clips
from tests.unread import UnreadBody
from tests.web.conftest import OWNER
from tests.web.test_upload import assert_nothing_is_kept, post

WORDS = "Too many videos wait"


@pytest.fixture
def full(db: None, settings: Any) -> Scan:
    """The one scan that fits into the queue waits already."""
    settings.QUEUE_LIMIT = 1
    return ScanFactory()


def test_there_is_room(newcomer: Client) -> None:
    assert newcomer.get("/queue/").json() == {"full": False, "waiting": 0, "message": ""}
    assert WORDS not in newcomer.get("/").content.decode()


def test_the_page_says_so_before_anything_is_sent(newcomer: Client, full: Scan) -> None:
    response = newcomer.get("/")
    assert response.status_code == 200
    assert WORDS in response.content.decode()
    answer = newcomer.get("/queue/")
    assert answer["Retry-After"] == "60"
    assert answer.json()["full"]
    assert WORDS in answer.json()["message"]


@pytest.mark.parametrize("htmx", [False, True])
def test_an_upload_is_refused_unread(newcomer: Client, full: Scan, settings: Any, htmx: bool) -> None:
    body = UnreadBody()
    request = {
        "wsgi.input": body,
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "CONTENT_LENGTH": str(400 * 1024**2),
    }
    response = newcomer.post("/", headers={"HX-Request": "true"} if htmx else {}, **request)
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert WORDS in response.content.decode()
    assert body.pieces == [], "thrown away afterwards, so that the answer gets through"
    assert ("<html" in response.content.decode()) != htmx
    assert_nothing_is_kept_but(full, settings)


def assert_nothing_is_kept_but(scan: Scan, settings: Any) -> None:
    assert list(Video.objects.all()) == [scan.video]
    scan.video.delete()
    scan.video.file.delete(save=False)
    assert_nothing_is_kept(settings)


def test_when_there_is_room_again_it_is_taken(newcomer: Client, full: Scan, clips: Clips) -> None:
    assert post(newcomer, clips("talk.mp4", seconds=1)).status_code == 503
    Scan.objects.claim(full.pk, worker="w", lease=timedelta(seconds=60))
    assert post(newcomer, clips("talk.mp4", seconds=1)).status_code == 302


def test_the_token_is_still_asked_for(clips: Clips, db: None) -> None:
    response = post(Client(enforce_csrf_checks=True), clips("talk.mp4", seconds=1))
    assert response.status_code == 403


def test_scanning_again_waits_too(owner: Client, full: Scan) -> None:
    mine = ScanFactory(video__owner=OWNER, done=True)
    response = owner.post(f"/videos/{mine.video.pk}/scan/", {"frame_count": 20})
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert WORDS in response.content.decode()
    assert Scan.objects.filter(video=mine.video).count() == 1
