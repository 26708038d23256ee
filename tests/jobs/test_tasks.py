"""How an attempt ends, whatever the detector does: here it is told; tests/jobs run the real one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from ml_app import services
from ml_app.detection import pipeline
from ml_app.detection.errors import CheckpointError, VideoError
from ml_app.detection.findings import Findings
from ml_app.jobs import tasks
from ml_app.models import Scan
from tests.rows import make_scan, make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_connection")]
Analyse = Callable[..., Findings]


@pytest.fixture
def scan(transactional_db: None, sent: list[str]) -> Scan:
    video = make_video(file="")
    video.file.save("talk.mp4", ContentFile(b"content"))
    return make_scan(video)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Analyse], None]:
    """Sets what the detector does."""
    monkeypatch.setattr(tasks, "detector", lambda name, frames: None)
    return lambda analyse: monkeypatch.setattr(pipeline, "analyse", analyse)


def _fails(error: Exception) -> Analyse:
    def analyse(*args: Any, **kwargs: Any) -> Findings:
        raise error

    return analyse


def test_done(scan: Scan, told: Any, findings: Callable[..., Findings]) -> None:
    seen: dict[str, Any] = {}

    def analyse(path: Path, detector: Any, **options: Any) -> Findings:
        seen.update(options, path=path, row=Scan.objects.values().get(pk=scan.pk))
        return findings()

    told(analyse)
    tasks.analyse_scan(str(scan.pk))
    scan.refresh_from_db()
    assert (scan.status, scan.attempts, scan.faces.count()) == ("done", 1, 2)
    assert seen["path"] == Path(scan.video.file.path)
    assert seen["frames"] == 10
    assert seen["limits"] == services.limits()
    assert seen["row"]["status"] == "running"
    assert seen["row"]["worker"]


def test_a_scan_that_does_not_wait_is_left_alone(scan: Scan, told: Any) -> None:
    told(_fails(AssertionError("must not be called")))
    services.cancel_scan(scan=scan)
    tasks.analyse_scan(str(scan.pk))
    scan.refresh_from_db()
    assert scan.status == "cancelled"
    tasks.analyse_scan("00000000-0000-4000-8000-000000000000")


def test_a_known_error_is_final(scan: Scan, told: Any, sent: list[str]) -> None:
    told(_fails(VideoError("truncated", "The file is incomplete.", "moov atom not found")))
    tasks.analyse_scan(str(scan.pk))
    scan.refresh_from_db()
    assert (scan.status, scan.error_code, scan.error_detail) == ("failed", "truncated", "moov atom not found")
    assert (scan.attempts, sent) == (1, [])


def test_bad_weights_are_one_code(scan: Scan, told: Any) -> None:
    told(_fails(CheckpointError("hash_mismatch", "It is not the file its manifest names.", "SHA-256 ab")))
    tasks.analyse_scan(str(scan.pk))
    scan.refresh_from_db()
    assert (scan.status, scan.error_code) == ("failed", "detector_unavailable")
    assert scan.error_detail.startswith("hash_mismatch: ")


def test_an_unforeseen_error_gets_three_attempts(scan: Scan, told: Any, sent: list[str]) -> None:
    told(_fails(ZeroDivisionError("by zero")))
    for attempt in (1, 2):
        tasks.analyse_scan(str(scan.pk))
        scan.refresh_from_db()
        assert (scan.status, scan.attempts, len(sent)) == ("queued", attempt, attempt)
    tasks.analyse_scan(str(scan.pk))
    scan.refresh_from_db()
    assert (scan.status, scan.error_code, scan.attempts) == ("failed", "internal_error", 3)
    assert scan.error_detail == "ZeroDivisionError: by zero"
    assert len(sent) == 2


def test_the_log_names_the_scan_and_shows_the_traceback(scan: Scan, told: Any) -> None:
    from deepfake_site.logs import Formatter

    lines: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(Formatter())
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("ml_app")
    logger.addHandler(handler)
    try:
        told(_fails(ZeroDivisionError("by zero")))
        tasks.analyse_scan(str(scan.pk))
    finally:
        logger.removeHandler(handler)
    assert lines
    assert all(f"[scan {scan.pk}]" in line for line in lines)
    assert "Traceback" in lines[-1]
