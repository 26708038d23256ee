"""What the database itself refuses, whoever asks."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from ml_app.models import Face, FaceFrame, Review, Scan, Video
from tests.rows import make_scan, make_video

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("scan_probability_in_unit_interval", {"fake_probability": 1.01}),
        ("scan_probability_in_unit_interval", {"fake_probability": -0.01}),
        ("scan_finished_at_exactly_when_terminal", {"finished_at": NOW}),
        ("scan_finished_at_exactly_when_terminal", {"status": "failed"}),
        ("scan_finished_at_exactly_when_terminal", {"status": "cancelled"}),
        ("scan_verdict_exactly_when_done", {"status": "done", "finished_at": NOW}),
        ("scan_verdict_exactly_when_done", {"verdict": "real"}),
        ("scan_lease_exactly_when_running", {"status": "running"}),
        ("scan_lease_exactly_when_running", {"lease_expires_at": NOW}),
        ("scan_frame_count_positive", {"frame_count": 0}),
    ],
)
def test_scan(video: Video, constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make_scan(video, **values)
    assert not Scan.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"fake_probability": 0.0},
        {"fake_probability": 1.0},
        {"status": "running", "lease_expires_at": NOW},
        {"status": "done", "finished_at": NOW, "verdict": "not_analysable"},
        {"status": "failed", "finished_at": NOW},
        {"status": "cancelled", "finished_at": NOW},
    ],
)
def test_what_a_scan_may_be(video: Video, values: dict[str, Any]) -> None:
    assert make_scan(video, **values).pk


def test_one_active_scan_for_video_detector_and_frame_count(video: Video) -> None:
    make_scan(video)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_scan(video)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_scan(video, status="running", lease_expires_at=NOW)
    make_scan(video, frame_count=20)
    make_scan(video, detector_name="other")
    make_scan(make_video())
    make_scan(video, status="failed", finished_at=NOW)
    make_scan(video, status="failed", finished_at=NOW)


def test_a_file_is_kept_once_for_each_owner(video: Video) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_video(sha256=video.sha256)
    make_video(sha256=video.sha256, owner="visitor:b")


def _face(scan: Scan, **values: Any) -> Face:
    return Face.objects.create(**{"scan": scan, "number": 1, "verdict": "real", "evidence": "none", **values})


def test_face(scan: Scan) -> None:
    _face(scan, fake_probability=0.5)
    with pytest.raises(IntegrityError), transaction.atomic():
        _face(scan)
    with pytest.raises(IntegrityError, match="face_probability_in_unit_interval"), transaction.atomic():
        _face(scan, number=2, fake_probability=1.5)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("face_frame_probability_in_unit_interval", {"fake_probability": -0.1}),
        ("face_frame_probability_in_unit_interval", {"fake_probability": 1.1}),
        ("face_frame_box_not_empty", {"right": 10}),
        ("face_frame_box_not_empty", {"bottom": 5}),
    ],
)
def test_face_frame(scan: Scan, constraint: str, values: dict[str, Any]) -> None:
    whole = {"left": 10, "top": 10, "right": 20, "bottom": 20, "fake_probability": 0.5}
    rest = {"face": _face(scan), "time_s": 0.0, "sharpness": 1.0, "brightness": 1.0}
    FaceFrame.objects.create(**rest, **whole)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        FaceFrame.objects.create(**rest, **{**whole, **values})


def test_a_review_is_append_only(scan: Scan) -> None:
    reviewer = User.objects.create_user("reviewer")
    review = Review.objects.create(scan=scan, reviewer=reviewer, decision="cannot_tell")
    review.note = "changed"
    with pytest.raises(TypeError, match="append-only"):
        review.save()
