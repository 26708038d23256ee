"""/: what the form tells, takes and refuses."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ml_app.models import Scan, Video
from tests.media import Clips


def post(client: Client, path: Path | None, frame_count: object = 20, **headers: str) -> Any:
    data: dict[str, Any] = {"frame_count": frame_count}
    if path is not None:
        data["video"] = SimpleUploadedFile(path.name, path.read_bytes(), content_type="text/html")
    return client.post("/", data, headers=headers)


def assert_nothing_is_kept(settings: Any) -> None:
    assert not Video.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def _checked(page: str) -> str:
    found = re.findall(r'<input type="radio"[^>]*value="(\d+)"[^>]*checked', page)
    assert len(found) == 1
    return found[0]


def test_the_form_tells_limits_and_offers_six_counts(newcomer: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_MB, settings.MAX_DURATION_MINUTES = 321, 17
    page = newcomer.get("/").content.decode()
    assert "Up to 321 MB and 17 minutes" in page
    assert f'data-max-bytes="{321 * 1024**2}"' in page
    for count in settings.FRAME_COUNTS:
        assert f'name="frame_count" value="{count}"' in page
    assert page.count("checked") == 1
    assert _checked(page) == "40"


def test_the_form_tells_how_long_a_video_is_kept(newcomer: Client, settings: Any) -> None:
    assert "days after" not in newcomer.get("/").content.decode()
    settings.MEDIA_RETENTION_DAYS, settings.FINDINGS_RETENTION_DAYS = 1.0, 90.5
    page = newcomer.get("/").content.decode()
    assert "pictures of faces are deleted 1 day after the upload" in page
    assert "all that was found are deleted 90.5 days after you last had it analysed" in page


def test_a_mere_visitor_gets_no_session(newcomer: Client) -> None:
    for url in ("/", "/about/", "/scans/"):
        newcomer.get(url)
    assert "sessionid" not in newcomer.cookies


def test_an_upload_becomes_a_scan_of_its_visitor(newcomer: Client, clips: Clips) -> None:
    response = post(newcomer, clips("talk.mp4", seconds=1))
    scan = Scan.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/scans/{scan.pk}/"
    assert scan.frame_count == 20
    assert scan.owner == scan.video.owner == f"visitor:{newcomer.session['visitor']}"
    assert newcomer.get(response["Location"]).status_code == 200


def test_an_account_owns_what_it_uploads(staff: Client, clips: Clips) -> None:
    post(staff, clips("talk.mp4", seconds=1))
    video = Video.objects.get()
    assert video.uploaded_by is not None
    assert video.owner == f"user:{video.uploaded_by.pk}"


def test_htmx_is_told_where_to_go(newcomer: Client, clips: Clips) -> None:
    response = post(newcomer, clips("talk.mp4", seconds=1), HX_Request="true")
    assert response["HX-Redirect"] == f"/scans/{Scan.objects.get().pk}/"


def test_the_same_file_again_is_offered_its_results(newcomer: Client, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    post(newcomer, path)
    response = post(newcomer, path, frame_count=60)
    video = Video.objects.get()
    assert response["Location"] == f"/videos/{video.pk}/?frames=60&detector=standard"
    page = newcomer.get(response["Location"]).content.decode()
    assert "You have analysed this file before" in page
    assert _checked(page) == "60"
    assert Scan.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "The file is empty"), (b"hello, this is text" * 100, "neither a video nor a picture")],
    ids=["empty", "text"],
)
def test_what_is_no_video_is_refused_at_the_field(
    newcomer: Client, tmp_path: Path, settings: Any, content: bytes, words: str
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    response = post(newcomer, path)
    assert response.status_code == 422
    assert words in response.content.decode().split('id="video-errors"')[1].split("</div>")[0]
    assert_nothing_is_kept(settings)


def test_a_refusal_for_htmx_is_the_message_alone(newcomer: Client, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"nothing")
    response = post(newcomer, path, HX_Request="true")
    assert response.status_code == 422
    assert response.content.decode().strip().startswith('<p class="error">')
    assert "<html" not in response.content.decode()


def test_too_large_a_file_is_413(newcomer: Client, tmp_path: Path, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(1024**2 + 100_000))
    response = post(newcomer, path)
    assert response.status_code == 413
    assert "larger than allowed" in response.content.decode()
    assert_nothing_is_kept(settings)


def test_no_file_and_no_count_are_refused(newcomer: Client, clips: Clips, settings: Any) -> None:
    assert "Choose a video first" in post(newcomer, None).content.decode()
    response = post(newcomer, clips("talk.mp4", seconds=1), frame_count=41)
    assert response.status_code == 422
    assert "Choose one of the offered numbers" in response.content.decode()
    assert_nothing_is_kept(settings)


def test_without_weights_the_page_says_so_and_refuses(
    newcomer: Client, clips: Clips, settings: Any, tmp_path: Path
) -> None:
    settings.MODELS_DIR = tmp_path
    page = newcomer.get("/").content.decode()
    assert "No video can be analysed at the moment" in page
    assert "<form" not in page
    response = post(newcomer, clips("talk.mp4", seconds=1))
    assert response.status_code == 503
    assert_nothing_is_kept(settings)


def test_another_site_cannot_post(clips: Clips, db: None) -> None:
    response = post(Client(enforce_csrf_checks=True), clips("talk.mp4", seconds=1))
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()
    assert not Video.objects.exists()


def post_many(client: Client, *paths: Path) -> Any:
    files = [SimpleUploadedFile(path.name, path.read_bytes()) for path in paths]
    return client.post("/", {"frame_count": 20, "video": files}, follow=True)


def test_several_files_at_once_without_a_script(newcomer: Client, clips: Clips, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_bytes(b"this is no video " * 100)
    good = [clips("one.mp4", seconds=1), clips("two.mp4", seconds=2)]
    response = post_many(newcomer, good[0], text, good[1])
    assert response.redirect_chain == [("/scans/", 302)]
    page = response.content.decode()
    assert "2 videos are being analysed." in page
    assert "text.mp4: This is neither a video nor a picture" in page
    names = Scan.objects.values_list("video__original_name", "frame_count")
    assert sorted(names) == [("one.mp4", 20), ("two.mp4", 20)]


def test_several_files_of_which_none_is_a_video(newcomer: Client, tmp_path: Path, settings: Any) -> None:
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for number, path in enumerate(paths):
        path.write_bytes(b"this is no video " * (100 + number))
    response = post_many(newcomer, *paths)
    assert response.status_code == 422
    page = response.content.decode()
    assert "a.mp4: This is neither a video nor a picture" in page
    assert "b.mp4: This is neither a video nor a picture" in page
    assert_nothing_is_kept(settings)


def test_the_field_takes_several_files(newcomer: Client) -> None:
    assert re.search(r'<input type="file"[^>]* multiple', newcomer.get("/").content.decode())
