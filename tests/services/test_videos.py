"""Taking videos in and deleting them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.db import DatabaseError
from pytest_django import Settings

from ml_app import services
from ml_app.models import Face, Scan, Video
from tests.rows import make_scan

pytestmark = pytest.mark.django_db


@pytest.fixture
def clip(clips: Any) -> Path:
    path: Path = clips("talk.mp4", seconds=1, fps=5, size=(160, 120))
    return path


def _receive(path: Path, owner: str = "visitor:a", name: str = "My talk.MP4") -> tuple[Video, bool]:
    with path.open("rb") as file:
        return services.receive_video(upload=UploadedFile(File(file), name), owner=owner, user=None)


def _files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_a_video_is_kept_as_it_came(clip: Path, media: Path) -> None:
    video, is_new = _receive(clip)
    assert is_new
    assert video.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert (video.original_name, video.size) == ("My talk.MP4", clip.stat().st_size)
    assert (video.codec, video.width, video.height) == ("h264", 160, 120)
    assert video.duration_s == pytest.approx(1.0, abs=0.25)
    assert _files(media) == [media / "videos" / str(video.pk) / "original.mp4"]
    assert video.file.read() == clip.read_bytes()
    assert Path(video.file.path).stat().st_mode & 0o777 == 0o600, "for the site alone"


def test_the_same_file_again_is_recognised(clip: Path, media: Path) -> None:
    video, _ = _receive(clip)
    assert _receive(clip, name="other.mov") == (video, False)
    other, is_new = _receive(clip, owner="visitor:b")
    assert is_new
    assert other != video
    assert len(_files(media)) == 2


def test_a_purged_file_comes_back(clip: Path) -> None:
    video, _ = _receive(clip)
    video.file.delete()
    again, is_new = _receive(clip)
    assert (again, is_new) == (video, False)
    assert again.file.read() == clip.read_bytes()


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"This is a letter, not a video.", "not_a_video")]
)
def test_what_is_not_a_video_leaves_nothing(content: bytes, code: str, media: Path) -> None:
    with pytest.raises(services.ServiceError) as refused:
        services.receive_video(upload=SimpleUploadedFile("a.mp4", content), owner="visitor:a", user=None)
    assert refused.value.code == code
    assert len(str(refused.value)) > 20
    assert not Video.objects.exists()
    assert _files(media) == []


def test_too_large(clip: Path, media: Path, settings: Settings) -> None:
    settings.MAX_UPLOAD_MB = 0
    with pytest.raises(services.ServiceError) as refused:
        _receive(clip)
    assert refused.value.code == "too_large"
    assert _files(media) == []


def test_a_commit_that_fails_leaves_nothing(clip: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(Video, "save", fails)
    with pytest.raises(DatabaseError):
        _receive(clip)
    assert not Video.objects.exists()
    assert _files(media) == []


def test_delete_takes_everything_along(
    clip: Path, media: Path, findings: Callable[..., Any], commits: Callable[..., Any]
) -> None:
    video, _ = _receive(clip)
    kept, _ = _receive(clip, owner="visitor:b")
    scan = make_scan(video)
    assert Scan.objects.claim(scan.pk, worker="me", lease=timedelta(minutes=1))
    services.save_findings(scan=scan, findings=findings(), worker="me")
    waiting = make_scan(video)
    with commits():
        services.delete_video(video=video)
        assert len(_files(media)) > 2, "files go after the commit"
    assert not Scan.objects.filter(pk__in=[scan.pk, waiting.pk]).exists()
    assert not Face.objects.exists()
    assert list(Video.objects.all()) == [kept]
    assert _files(media) == [Path(kept.file.path)]


def test_the_command_line_can_save(clip: Path, findings: Callable[..., Any]) -> None:
    found = findings()
    scan = services.save_analysis(path=clip, findings=found, owner="local:x", user=None)
    assert (scan.status, scan.verdict, scan.attempts, scan.faces.count()) == ("done", "fake", 1, 2)
    assert (scan.frame_count, scan.video.original_name) == (found.frames_requested, "talk.mp4")
    assert scan.video.file.read() == clip.read_bytes()
    again = services.save_analysis(path=clip, findings=found, owner="local:x", user=None)
    assert again.video == scan.video
    make_scan(scan.video, detector_name="standard", frame_count=10)
    with pytest.raises(services.ServiceError) as refused:
        services.save_analysis(path=clip, findings=found, owner="local:x", user=None)
    assert refused.value.code == "already_running"


@pytest.fixture
def scanned(clip: Path, findings: Callable[..., Any]) -> Scan:
    """A finished scan of a received video, with its pictures."""
    video, _ = _receive(clip)
    scan = make_scan(video)
    assert Scan.objects.claim(scan.pk, worker="me", lease=timedelta(minutes=1))
    assert services.save_findings(scan=scan, findings=findings(), worker="me")
    return scan


def test_purging_deletes_all_media_and_keeps_all_rows(
    scanned: Scan, media: Path, commits: Callable[..., Any]
) -> None:
    video = scanned.video
    count = len(_files(media))
    assert count > 2
    with commits():
        assert services.purge_media(video=video) == count
        assert len(_files(media)) == count, "files go after the commit"
    assert _files(media) == []
    assert not video.file
    scanned.refresh_from_db()
    assert (scanned.verdict, scanned.faces.count(), len(scanned.video.sha256)) == ("fake", 2, 64)
    assert services.purge_media(video=video) == 0


def test_purging_waits_for_active_scans(scanned: Scan, media: Path) -> None:
    make_scan(scanned.video, frame_count=20)
    with pytest.raises(services.ServiceError) as refused:
        services.purge_media(video=scanned.video)
    assert refused.value.code == "scan_active"
    assert Path(scanned.video.file.path).exists()


@pytest.mark.usefixtures("weights")
def test_no_scan_is_ordered_of_what_was_purged_meanwhile(scanned: Scan, sent: list[str]) -> None:
    stale = Video.objects.get(pk=scanned.video_id)
    services.purge_media(video=scanned.video)
    assert stale.file
    with pytest.raises(services.ServiceError) as refused:
        services.request_scan(video=stale, frame_count=10)
    assert (refused.value.code, sent) == ("media_purged", [])


def test_what_comes_back_after_a_purge_is_young_and_has_another_name(
    scanned: Scan, clip: Path, media: Path, commits: Callable[..., Any]
) -> None:
    video, old = scanned.video, scanned.video.file.name
    Video.objects.update(uploaded_at=video.uploaded_at - timedelta(days=50))
    with commits():
        services.purge_media(video=video)
        again, is_new = _receive(clip)  # before the old file is deleted
    assert (again, is_new) == (video, False)
    assert again.file.name != old
    assert _files(media) == [Path(again.file.path)]
    assert again.uploaded_at >= video.uploaded_at
