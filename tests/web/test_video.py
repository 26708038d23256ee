"""/videos/<id>/: earlier results, another scan, deletion."""

from pathlib import Path
from typing import Any

from django.test import Client

from ml_app import services
from ml_app.models import Scan, Video
from tests.factories import ScanFactory, VideoFactory
from tests.web.conftest import OWNER


def test_owner_and_staff_see_it_and_nobody_else(
    owner: Client, stranger: Client, newcomer: Client, staff: Client, done: Scan
) -> None:
    url = f"/videos/{done.video_id}/"
    assert "speech.mp4" in owner.get(url).content.decode()
    assert [c.get(url).status_code for c in (staff, stranger, newcomer)] == [200, 404, 404]


def test_scan_again_with_another_count(owner: Client, stranger: Client, done: Scan) -> None:
    url = f"/videos/{done.video_id}/scan/"
    assert stranger.post(url, {"frame_count": 60}).status_code == 404
    response = owner.post(url, {"frame_count": 60})
    again = Scan.objects.get(frame_count=60)
    assert response["Location"] == f"/scans/{again.pk}/"
    # Once more leads to the scan that already waits.
    assert owner.post(url, {"frame_count": 60})["Location"] == f"/scans/{again.pk}/"


def test_a_count_that_is_not_offered_is_refused(owner: Client, done: Scan) -> None:
    for count in ("41", "", "many"):
        response = owner.post(f"/videos/{done.video_id}/scan/", {"frame_count": count})
        assert response.status_code == 422
        assert "Choose one of the offered numbers" in response.content.decode()


def test_no_scan_without_weights(owner: Client, done: Scan, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    response = owner.post(f"/videos/{done.video_id}/scan/", {"frame_count": 60})
    assert response.status_code == 422
    assert "weights are missing" in response.content.decode()


def test_delete_asks_and_then_removes_everything(
    owner: Client,
    stranger: Client,
    staff: Client,
    done: Scan,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    url = f"/videos/{done.video_id}/delete/"
    for client in (stranger, staff):  # staff see a scan, but it is not theirs to delete
        assert client.get(url).status_code == client.post(url).status_code == 404
    assert "Delete this video?" in owner.get(url).content.decode()
    assert Video.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        response = owner.post(url, follow=True)
    assert "were deleted" in response.content.decode()
    assert not Video.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_video_without_scans_can_be_scanned(owner: Client) -> None:
    video = VideoFactory(owner=OWNER)
    assert owner.get(f"/videos/{video.pk}/delete/").status_code == 200
    assert owner.post(f"/videos/{video.pk}/scan/", {"frame_count": 20}).status_code == 302


def test_one_scan_can_be_deleted_alone(
    owner: Client,
    stranger: Client,
    staff: Client,
    done: Scan,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    kept = ScanFactory(video=done.video, frame_count=60)
    url = f"/scans/{done.pk}/delete/"
    assert url in owner.get(f"/scans/{done.pk}/").content.decode()
    for client in (stranger, staff):
        assert client.get(url).status_code == client.post(url).status_code == 404
    assert "Delete this scan?" in owner.get(url).content.decode()
    assert Scan.objects.count() == 2
    with django_capture_on_commit_callbacks(execute=True):
        response = owner.post(url, follow=True)
    assert "was deleted" in response.content.decode()
    assert list(Scan.objects.all()) == [kept]
    files = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert files == [Path(done.video.file.path)]


def test_deleting_a_waiting_scan_is_cancelling_it_for_good(owner: Client) -> None:
    scan = ScanFactory(video__owner=OWNER)
    assert owner.post(f"/scans/{scan.pk}/delete/").status_code == 302
    assert not Scan.objects.exists()
    assert Video.objects.count() == 1


def test_media_that_were_purged_leave_a_page_with_words(owner: Client, done: Scan) -> None:
    services.purge_media(video=done.video)
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    assert "no longer kept here" in page
    assert "Person 2" in page
    assert "/thumbnail" not in page
    assert owner.get(f"/scans/{done.pk}/video").status_code == 404
    again = owner.post(f"/videos/{done.video_id}/scan/", {"frame_count": 20})
    assert again.status_code == 422
    assert "no longer kept here" in again.content.decode()
