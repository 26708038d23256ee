"""Ordering, claiming, cancelling and reviewing scans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from kombu.exceptions import OperationalError

from ml_app import services
from ml_app.models import Scan, Video
from ml_app.services import access
from tests.rows import make_scan, make_video

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_request_creates_and_sends_after_the_commit(
    video: Video, weights: Path, sent: list[str], commits: Callable[..., Any]
) -> None:
    with commits():
        scan, is_new = services.request_scan(video=video, frame_count=40)
        assert sent == []
    assert is_new
    assert sent == [str(scan.pk)]
    assert (scan.status, scan.owner, scan.detector_name) == ("queued", video.owner, "standard")


def test_request_finds_the_active_scan(video: Video, weights: Path, sent: list[str]) -> None:
    scan, _ = services.request_scan(video=video, frame_count=40)
    assert services.request_scan(video=video, frame_count=40) == (scan, False)
    other, is_new = services.request_scan(video=video, frame_count=10)
    assert is_new
    assert other != scan
    services.cancel_scan(scan=scan)
    again, is_new = services.request_scan(video=video, frame_count=40)
    assert is_new
    assert again != scan


def test_request_is_refused(video: Video, weights: Path, sent: list[str]) -> None:
    with pytest.raises(services.ServiceError) as refused:
        services.request_scan(video=video, frame_count=41)
    assert refused.value.code == "bad_frame_count"
    with pytest.raises(services.ServiceError) as refused:
        services.request_scan(video=make_video(file=""), frame_count=40)
    assert refused.value.code == "media_purged"
    (weights / "head-10.safetensors").unlink()
    with pytest.raises(services.ServiceError) as refused:
        services.request_scan(video=video, frame_count=40)
    assert refused.value.code == "detector_unavailable"
    assert not Scan.objects.exists()


def test_a_broker_that_is_away_loses_nothing(
    video: Video, weights: Path, monkeypatch: pytest.MonkeyPatch, commits: Callable[..., Any]
) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("deepfake_site.celery.app.send_task", fails)
    with commits():
        scan, _ = services.request_scan(video=video, frame_count=40)
    scan.refresh_from_db()
    assert scan.status == "queued"


def test_only_one_worker_claims(scan: Scan) -> None:
    assert Scan.objects.claim(scan.pk, worker="one", lease=MINUTE)
    assert not Scan.objects.claim(scan.pk, worker="two", lease=MINUTE)
    scan.refresh_from_db()
    assert (scan.status, scan.worker, scan.attempts) == ("running", "one", 1)
    assert scan.started_at is not None


def test_a_worker_that_lost_its_scan_changes_nothing(claimed: Scan) -> None:
    Scan.objects.filter(pk=claimed.pk).update(worker="another")
    before = Scan.objects.filter(pk=claimed.pk).values().get()
    assert not Scan.objects.renew(claimed.pk, "me", lease=MINUTE)
    assert not Scan.objects.report(claimed.pk, "me", stage="faces", done=1, total=2)
    assert not Scan.objects.release(claimed.pk, "me")
    assert not Scan.objects.fail(claimed.pk, "me", code="x", detail="")
    assert not Scan.objects.finish(claimed.pk, "me", verdict="real")
    assert not Scan.objects.end_cancelled(claimed.pk, "me")
    assert not Scan.objects.give_up(claimed.pk, "me", max_attempts=1, code="x", detail="")
    assert Scan.objects.filter(pk=claimed.pk).values().get() == before


def test_what_a_worker_may_do(claimed: Scan) -> None:
    before = claimed.lease_expires_at
    assert before is not None
    assert Scan.objects.renew(claimed.pk, "me", lease=2 * MINUTE)
    assert Scan.objects.report(claimed.pk, "me", stage="faces", done=3, total=10)
    claimed.refresh_from_db()
    assert claimed.lease_expires_at is not None
    assert claimed.lease_expires_at > before
    assert (claimed.stage, claimed.progress_done, claimed.progress_total) == ("faces", 3, 10)
    assert Scan.objects.release(claimed.pk, "me")
    claimed.refresh_from_db()
    assert (claimed.status, claimed.attempts, claimed.worker, claimed.stage) == ("queued", 0, "", "")


@pytest.mark.parametrize(
    ("attempts", "cancel", "status", "code"),
    [
        (1, False, "queued", ""),
        (2, False, "queued", ""),
        (3, False, "failed", "x"),
        (3, True, "cancelled", ""),
    ],
)
def test_giving_up_an_attempt(claimed: Scan, attempts: int, cancel: bool, status: str, code: str) -> None:
    Scan.objects.filter(pk=claimed.pk).update(attempts=attempts, cancel_requested=cancel)
    assert Scan.objects.give_up(claimed.pk, "me", max_attempts=3, code="x", detail="why")
    claimed.refresh_from_db()
    assert (claimed.status, claimed.error_code, claimed.attempts) == (status, code, attempts)
    assert (claimed.finished_at is None) == (status == "queued")
    assert claimed.error_detail == ("why" if code else "")


def test_cancel(scan: Scan) -> None:
    services.cancel_scan(scan=scan)
    assert scan.status == "cancelled"
    services.cancel_scan(scan=scan)
    assert scan.status == "cancelled"
    assert not Scan.objects.claim(scan.pk, worker="me", lease=MINUTE)


def test_cancel_a_running_scan(claimed: Scan) -> None:
    services.cancel_scan(scan=claimed)
    assert (claimed.status, claimed.cancel_requested) == ("running", True)
    assert Scan.objects.end_cancelled(claimed.pk, "me")
    claimed.refresh_from_db()
    assert claimed.status == "cancelled"


def test_history_is_newest_first_in_one_query(video: Video, django_assert_num_queries: Any) -> None:
    scans = [make_scan(video, frame_count=count) for count in (10, 20, 40)]
    with django_assert_num_queries(1):
        listed = list(access.own_scans(access.Actor("visitor:a")).order_by("-created_at"))
        assert [scan.video.original_name for scan in listed] == ["talk.mp4"] * 3
        assert [scan.team for scan in listed] == [None] * 3
    assert listed == scans[::-1]


def test_review(scan: Scan) -> None:
    reviewer = User.objects.create_user("reviewer")
    with pytest.raises(services.ServiceError) as refused:
        services.record_review(scan=scan, reviewer=reviewer, decision="cannot_tell", note="")
    assert refused.value.code == "not_finished"
    scan.status, scan.finished_at, scan.verdict = "done", timezone.now(), "real"
    scan.save()
    with pytest.raises(services.ServiceError) as refused:
        services.record_review(scan=scan, reviewer=reviewer, decision="certainly", note="")
    assert refused.value.code == "bad_decision"
    for decision in ("cannot_tell", "confirmed_fake"):
        services.record_review(scan=scan, reviewer=reviewer, decision=decision, note=" seen ")
    assert [(r.decision, r.note) for r in scan.reviews.all()] == [
        ("confirmed_fake", "seen"),
        ("cannot_tell", "seen"),
    ]


def test_every_code_has_a_sentence() -> None:
    for code in ("internal_error", "worker_lost", "detector_unavailable", "not_a_video", "truncated"):
        assert len(str(services.scan_errors[code])) > 20
    assert services.scan_errors.get("no_such_code") is None
