"""Findings become rows and pictures, all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from ml_app import services
from ml_app.detection.findings import Evidence, Findings, Opinion, Reason, Verdict
from ml_app.models import Face, FaceFrame, Scan
from ml_app.services.scanning.recorded import recorded_findings

pytestmark = pytest.mark.django_db
Make = Callable[..., Findings]


def _pictures(media: Path) -> list[Path]:
    return [path for path in (media / "scans").rglob("*") if path.is_file()]


def test_everything_is_kept(claimed: Scan, findings: Make, media: Path) -> None:
    assert services.save_findings(scan=claimed, findings=findings(), worker="me")
    claimed.refresh_from_db()
    assert (claimed.status, claimed.verdict, claimed.worker) == ("done", "fake", "")
    assert (claimed.fake_probability, claimed.evidence, claimed.threshold) == (0.9, "strong", 0.5)
    assert (claimed.uncertain_low, claimed.uncertain_high) == (0.4, 0.6)
    assert (claimed.detector_version, claimed.detector_sha256) == ("3", "ab" * 32)
    assert claimed.seconds == {"total": 1.5, "decode": 0.25, "faces": 0.0, "network": 0.0, "explain": 0.0}
    assert claimed.notes == ["fewer_frames_than_requested"]
    assert [face.number for face in claimed.faces.all()] == [1, 2]
    frames = list(claimed.faces.get(number=2).frames.all())
    assert [frame.time_s for frame in frames] == [0.0, 0.5, 1.0]
    assert (frames[0].left, frames[0].top, frames[0].right, frames[0].bottom) == (10, 20, 110, 140)
    assert frames[1].thumbnail.read() == b"jpeg 2 1"
    assert frames[0].heatmap.read() == b"png"
    assert not frames[1].heatmap
    assert len(_pictures(media)) == 8
    assert {path.stat().st_mode & 0o777 for path in _pictures(media)} == {0o600}, "for the site alone"


def test_a_proxy_may_read_the_pictures_that_it_is_to_send(
    claimed: Scan, findings: Make, media: Path, settings: Settings
) -> None:
    settings.FILE_UPLOAD_PERMISSIONS = 0o644
    assert services.save_findings(scan=claimed, findings=findings(), worker="me")
    assert {path.stat().st_mode & 0o777 for path in _pictures(media)} == {0o644}


def test_opinions_are_kept_as_they_were(claimed: Scan, findings: Make) -> None:
    found = findings()
    face = replace(
        found.faces[0],
        frames=tuple(
            replace(frame, sharpness=0.0, brightness=0.0, thumbnail=b"", heatmap=None)
            for frame in found.faces[0].frames
        ),
    )
    said = Opinion(
        detector=replace(found.detector, name="other"),
        verdict=Verdict.REAL,
        reason=Reason.NONE,
        fake_probability=0.2,
        evidence=Evidence.MODERATE,
        threshold=0.6,
        uncertain_band=(0.4, 0.6),
        frames_analysed=40,
        faces=(face,),
        notes=("nearest_head",),
        seconds=0.25,
    )
    services.save_findings(scan=claimed, findings=replace(found, opinions=(said,)), worker="me")
    assert recorded_findings(Scan.objects.get(pk=claimed.pk)).opinions == (said,)


def test_nobody_in_the_picture(claimed: Scan, findings: Make) -> None:
    assert services.save_findings(scan=claimed, findings=findings(people=0), worker="me")
    assert claimed.faces.count() == 0


def test_a_second_save_changes_nothing(claimed: Scan, findings: Make, media: Path) -> None:
    assert services.save_findings(scan=claimed, findings=findings(), worker="me")
    assert not services.save_findings(scan=claimed, findings=findings(people=3), worker="me")
    assert Face.objects.count() == 2
    assert len(_pictures(media)) == 8


def test_a_worker_that_lost_its_scan_leaves_nothing(claimed: Scan, findings: Make, media: Path) -> None:
    assert not services.save_findings(scan=claimed, findings=findings(), worker="somebody else")
    claimed.refresh_from_db()
    assert claimed.status == "running"
    assert not Face.objects.exists()
    assert _pictures(media) == []


def test_a_failure_in_the_middle_leaves_nothing(
    claimed: Scan, findings: Make, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(FaceFrame.objects, "bulk_create", fails)
    with pytest.raises(RuntimeError):
        services.save_findings(scan=claimed, findings=findings(), worker="me")
    claimed.refresh_from_db()
    assert (claimed.status, claimed.verdict) == ("running", "")
    assert not Face.objects.exists()
    assert _pictures(media) == []
