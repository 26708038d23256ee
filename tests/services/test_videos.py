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
from ml_app.models import Face, FaceFrame, Scan, Video
from tests.services.conftest import make_scan

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


def test_purging_keeps_rows_and_hashes(
    clip: Path, media: Path, findings: Callable[..., Any], commits: Callable[..., Any]
) -> None:
    video, _ = _receive(clip)
    kept, _ = _receive(clip, owner="visitor:b")
    scan = make_scan(video)
    with pytest.raises(services.ServiceError) as refused:
        services.purge_media(video=video)
    assert refused.value.code == "being_analysed"
    assert Scan.objects.claim(scan.pk, worker="me", lease=timedelta(minutes=1))
    services.save_findings(scan=scan, findings=findings(), worker="me")
    with commits():
        assert services.purge_media(video=video)
        assert len(_files(media)) > 2, "files go after the commit"
    assert _files(media) == [Path(kept.file.path)]
    sha256 = video.sha256
    video.refresh_from_db()
    assert (video.file.name, video.sha256) == ("", sha256)
    frames = FaceFrame.objects.filter(face__scan=scan)
    assert frames.exists()
    assert set(frames.values_list("thumbnail", "heatmap")) == {("", "")}
    with commits():
        assert not services.purge_media(video=video)


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
