"""Pictures on the pages: no time line, the file's own words as such, the picture with its faces' boxes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from ml_app.models import Scan, Video
from tests.factories import PictureFactory, ScanFactory, add_face
from tests.media import picture
from tests.web.conftest import OWNER


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


def picture_scan(**values: Any) -> Scan:
    of_video = {key: values.pop(key) for key in ("container", "file_says") if key in values}
    video = PictureFactory(owner=OWNER, **of_video)
    return ScanFactory(video=video, **{"done": True, "frame_count": 1, "notes": [], **values})


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_picture_has_no_time_line_and_says_so(owner: Client) -> None:
    scan = picture_scan()
    add_face(scan, number=1, level=0.9, frames=1)
    add_face(scan, number=2, level=0.2, frames=1)
    page = text_of(owner, f"/scans/{scan.pk}/")
    assert "A picture has no time line" in page
    assert 'class="timeline"' not in page
    assert "<video" not in page
    assert "Strong evidence of manipulation" in page
    assert page.count('class="still-box"') == 2
    assert page.count('class="heat"') == 2
    assert f'<img src="/scans/{scan.pk}/video"' in page
    assert "At least one face in this picture" in page
    assert "#t=" not in page, "nothing leads to a moment"
    assert "Frames asked for" not in page


def test_what_the_file_says_is_shown_as_its_own_words(owner: Client) -> None:
    page = text_of(owner, f"/scans/{picture_scan().pk}/")
    assert "What the file says of itself" in page
    assert "Make &lt;of&gt; a camera" in page
    assert "It has no part in the verdict." in page
    silent = text_of(owner, f"/scans/{picture_scan(file_says=[]).pk}/")
    assert "which proves nothing" in silent


def test_a_picture_that_was_not_judged_says_why(owner: Client) -> None:
    missing = {"threshold": None, "uncertain_low": None, "uncertain_high": None, "fake_probability": None}
    scan = picture_scan(verdict="not_analysable", evidence="none", reason="pictures_not_measured", **missing)
    assert "was not measured on single pictures" in text_of(owner, f"/scans/{scan.pk}/")


@pytest.mark.parametrize(
    ("container", "kind"),
    [("jpeg", "image/jpeg"), ("avif", "image/avif"), ("heif", "image/heic"), ("tiff", "image/tiff")],
)
def test_a_picture_is_sent_as_what_it_is(owner: Client, container: str, kind: str) -> None:
    scan = picture_scan(container=container)
    response = owner.get(f"/scans/{scan.pk}/video")
    assert response["Content-Type"] == kind
    assert response["X-Content-Type-Options"] == "nosniff"
    page = text_of(owner, f"/scans/{scan.pk}/")
    assert ("Browsers do not show pictures of this format" in page) is (container in ("heif", "tiff"))


def test_from_the_form_to_the_history(owner: Client) -> None:
    file = io.BytesIO()
    Image.fromarray(picture(0.0)).save(file, "PNG")
    upload = SimpleUploadedFile("holiday.mp4", file.getvalue(), content_type="video/mp4")
    response = owner.post("/", {"video": upload, "frame_count": settings.DEFAULT_FRAME_COUNT})
    scan = Scan.objects.get()
    assert response["Location"] == f"/scans/{scan.pk}/"
    assert (scan.frame_count, scan.video.kind, scan.video.container) == (1, Video.Kind.PICTURE, "png")
    assert "The picture is being analysed" in text_of(owner, f"/scans/{scan.pk}/")
    assert ">Picture<br>" in text_of(owner, "/scans/")


def test_scanning_it_again_asks_for_no_number_of_frames(owner: Client) -> None:
    scan = picture_scan()
    for url in (f"/scans/{scan.pk}/", f"/videos/{scan.video_id}/"):
        page = text_of(owner, url)
        assert 'type="radio"' not in page
        assert f'<input type="hidden" name="frame_count" value="{settings.DEFAULT_FRAME_COUNT}">' in page
    response = owner.post(f"/videos/{scan.video_id}/scan/", {"frame_count": settings.DEFAULT_FRAME_COUNT})
    newest = Scan.objects.latest("created_at")
    assert response["Location"] == f"/scans/{newest.pk}/"
    assert (newest.pk != scan.pk, newest.frame_count) == (True, 1)


def test_the_desk_shows_it_too(staff: Client) -> None:
    scan = picture_scan()
    add_face(scan, frames=1)
    page = text_of(staff, f"/admin/ml_app/scan/{scan.pk}/change/")
    assert "A picture has no time line" in page
    assert 'class="timeline"' not in page
