"""Giving a link instead of a file."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ml_app.models import Origin, Scan
from tests.factories import ScanFactory
from tests.web.conftest import OWNER

URL = "https://video.example/watch?v=1"
pytestmark = pytest.mark.django_db


def test_a_link_is_ordered_and_awaited(newcomer: Client, stranger: Client) -> None:
    assert 'name="url"' in newcomer.get("/").content.decode()
    response = newcomer.post("/links/", {"url": f" {URL} ", "frame_count": 20})
    scan = Scan.objects.get()
    assert response["Location"] == f"/scans/{scan.pk}/"
    assert (scan.queue, scan.frame_count, scan.video.origins.get().url) == ("link", 20, URL)
    page = newcomer.get(response["Location"]).content.decode()
    assert "The video is being fetched" in page
    assert "Fetch the video" in page
    assert stranger.get(response["Location"]).status_code == 404


@pytest.mark.parametrize(
    "url", ["", "talk.mp4", "ftp://host/a", "http://u:p@host/", f"https://h/{'a' * 2000}"]
)
def test_what_is_no_link_is_said_beside_the_field(newcomer: Client, url: str) -> None:
    response = newcomer.post("/links/", {"url": url, "frame_count": 20})
    assert response.status_code == 422
    assert 'class="error"' in response.content.decode()
    assert Scan.objects.count() == 0


def test_a_full_queue(newcomer: Client, settings: Any) -> None:
    settings.QUEUE_LIMIT = 1
    ScanFactory()
    response = newcomer.post("/links/", {"url": URL, "frame_count": 20})
    assert (response.status_code, response["Retry-After"]) == (503, "60")


def test_the_setting_takes_the_form_away(newcomer: Client, settings: Any) -> None:
    settings.LINKS = False
    assert 'name="url"' not in newcomer.get("/").content.decode()
    assert newcomer.post("/links/", {"url": URL, "frame_count": 20}).status_code == 404


def test_a_finished_scan_says_where_the_file_came_from(owner: Client, done: Scan) -> None:
    Origin.objects.create(
        video=done.video,
        url=URL,
        found_url="https://cdn.example/1.mp4",
        title="A <b>talk",
        uploader="Jane Doe",
        fetched_at=timezone.now(),
    )
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    for words in (URL.replace("&", "&amp;"), "https://cdn.example/1.mp4", "A &lt;b&gt;talk", "Jane Doe"):
        assert words in page
    assert 'rel="noopener noreferrer nofollow"' in page


def test_a_link_that_failed_can_be_tried_again(owner: Client) -> None:
    scan = ScanFactory(video__owner=OWNER, video__sha256="", video__file=None, queue="link", failed=True)
    Scan.objects.update(error_code="link_no_video")
    Origin.objects.create(video=scan.video, url=URL)
    page = owner.get(f"/scans/{scan.pk}/").content.decode()
    assert "No video was found on this page" in page
    response = owner.post(f"/videos/{scan.video_id}/scan/", {"frame_count": 20})
    again = Scan.objects.exclude(pk=scan.pk).get()
    assert (response.status_code, again.queue) == (302, "link")
