"""The sweeper puts right what kills left behind, and touches nothing that lives."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from ml_app import services
from ml_app.jobs import sweeper
from ml_app.jobs.sweeper import Swept, sweep
from ml_app.models import FaceFrame, Scan, Video
from ml_app.storage import orphans
from ml_app.storage.uploads import IncomingFile
from tests.rows import make_scan, make_video

pytestmark = pytest.mark.django_db


def claim(scan: Scan, seconds: float = 60, attempts: int = 1) -> None:
    assert Scan.objects.claim(scan.pk, worker="me", lease=timedelta(seconds=seconds))
    Scan.objects.filter(pk=scan.pk).update(attempts=attempts)


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many messages the broker says that it holds."""
    held = {"messages": 0}
    monkeypatch.setattr(sweeper, "_messages", lambda queue: held["messages"])
    return held


def test_a_live_worker_keeps_its_scan(scan: Scan, sent: list[str]) -> None:
    claim(scan)
    assert sweep() == Swept()
    scan.refresh_from_db()
    assert (scan.status, sent) == ("running", [])


def test_an_expired_lease_is_queued_again(scan: Scan, sent: list[str]) -> None:
    claim(scan, seconds=-1)
    assert sweep().expired == 1
    scan.refresh_from_db()
    assert (scan.status, scan.attempts, scan.worker) == ("queued", 1, "")
    assert sent == [str(scan.pk)]


def test_the_last_attempt_fails(scan: Scan, sent: list[str]) -> None:
    claim(scan, seconds=-1, attempts=3)
    sweep()
    scan.refresh_from_db()
    assert (scan.status, scan.error_code, sent) == ("failed", "worker_lost", [])
    assert scan.finished_at is not None


def test_a_lost_worker_that_was_to_cancel(scan: Scan, sent: list[str]) -> None:
    claim(scan, seconds=-1)
    services.cancel_scan(scan=scan)
    sweep()
    scan.refresh_from_db()
    assert (scan.status, sent) == ("cancelled", [])


def test_lost_messages_are_sent_again(video: Video, sent: list[str], queue: dict[str, int]) -> None:
    old = timezone.now() - timedelta(minutes=1)
    second = make_scan(video, frame_count=10, created_at=old)
    first = make_scan(video, frame_count=20, created_at=old - timedelta(minutes=1))
    make_scan(video, frame_count=40)  # so young that it may be on its way
    queue["messages"] = 2
    assert sweep().sent == 0
    queue["messages"] = 1
    assert sweep().sent == 2
    assert sent == [str(first.pk), str(second.pk)]


def _write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return path


def test_dead_uploads_go_and_live_ones_stay(db: None, media: Path) -> None:
    dead = _write(media / "incoming" / "0123")
    with IncomingFile("live.mp4") as live:
        live.append(b"some")
        assert sweep().files == 1
        assert not dead.exists()
        assert live.path.exists()
        live.append(b"more")
        live.finish()
        assert live.path.read_bytes() == b"somemore"
    assert not live.path.exists()


def test_videos_without_a_row_go(media: Path) -> None:
    kept = _write(media / "videos" / "a" / "original.mp4")
    make_video(file="videos/a/original.mp4")
    orphan = _write(media / "videos" / "b" / "original.mp4")
    foreign = _write(media / "notes.txt")
    assert sweep().files == 1
    assert kept.exists()
    assert not orphan.exists()
    assert foreign.exists(), "what is not ours is left alone"


def test_a_moved_upload_stays_until_its_row_is_there(db: None, media: Path) -> None:
    with IncomingFile("live.mp4") as live:
        live.append(b"some")
        live.finish()
        target = media / "videos" / "c" / "original.mp4"
        live.move_to(target)
        assert sweep().files == 0
        assert target.exists()
    assert sweep().files == 1, "closed without a row: an orphan"


def test_pictures_of_a_running_scan_stay(scan: Scan, media: Path) -> None:
    picture = _write(media / "scans" / str(scan.pk) / "ab" / "1-0000.jpg")
    assert sweep().files == 0
    claim(scan)
    assert sweep().files == 0
    assert picture.exists()


def test_pictures_of_an_attempt_that_died_go_when_the_scan_has_ended(
    claimed: Scan, media: Path, findings: Callable[..., Any]
) -> None:
    died = _write(media / "scans" / str(claimed.pk) / "dead" / "1-0000.jpg")
    services.save_findings(scan=claimed, findings=findings(), worker="me")
    nobodys = _write(media / "scans" / "00000000-0000-4000-8000-000000000000" / "x" / "1.jpg")
    assert sweep().files == 2
    assert not died.exists()
    assert not nobodys.exists()
    for frame in FaceFrame.objects.all():
        assert Path(frame.thumbnail.path).exists()


def test_empty_folders_go_when_they_are_old(media: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = media / "videos" / "empty"
    folder.mkdir(parents=True)
    sweep()
    assert folder.exists()
    monkeypatch.setattr(orphans, "EMPTY_FOLDER_SECONDS", -1.0)
    sweep()
    assert not folder.exists()


def test_the_command_says_what_it_did(scan: Scan, sent: list[str], media: Path) -> None:
    claim(scan, seconds=-1)
    _write(media / "incoming" / "0123")
    output = io.StringIO()
    call_command("sweep", "--once", stdout=output)
    assert output.getvalue() == (
        "1 scans taken from lost workers, 0 sent again, 1 files deleted, 0 old videos pruned, "
        "0 deleted with their findings.\n"
    )
