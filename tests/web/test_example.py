"""The example: made when it is first asked for, seen by everybody, changed by nobody, counted nowhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ml_app import services
from ml_app.models import EXAMPLE, AuditEntry, Review, ReviewCase, Scan, Video
from ml_app.services import access
from ml_app.services.access import Act, Actor
from ml_app.services.reviews.agreement import drifts
from ml_app.services.reviews.reviewing import open_case, scans_for
from ml_app.web.frame_counts import measured_seconds
from tests.access_rules import undone
from tests.factories import UserFactory, add_face

DONE: dict[str, Any] = {
    "status": "done",
    "verdict": "uncertain",
    "evidence": "none",
    "fake_probability": 0.55,
    "threshold": 0.5,
    "detector_version": "1",
    "seconds": {"total": 2.0},
}


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


@pytest.fixture
def example(newcomer: Client) -> Scan:
    """As a worker leaves it, with what was found."""
    newcomer.get("/example/")
    Scan.objects.update(finished_at=timezone.now(), **DONE)
    scan = Scan.objects.get()
    add_face(scan, frames=2)
    open_case(scan=scan)
    return scan


def test_the_first_who_comes_lets_it_be_made(newcomer: Client, stranger: Client) -> None:
    response = newcomer.get("/example/")
    scan = Scan.objects.select_related("video").get()
    assert response["Location"] == f"/scans/{scan.pk}/"
    assert (scan.owner, scan.queue, scan.status) == (EXAMPLE, "interactive", "queued")
    assert (scan.video.width, scan.video.codec) == (480, "h264")
    assert scan.video.size < 300_000
    assert not response.cookies
    for again in (newcomer.head("/example/"), stranger.get("/example/")):
        assert again["Location"] == f"/scans/{scan.pk}/"
    assert Scan.objects.count() == 1
    page = newcomer.get(response["Location"]).content.decode()
    assert "These two people do not exist" in page
    assert "among your scans" not in page
    assert "Cancel the scan" not in page


def test_it_is_made_anew_when_the_detector_has_changed(example: Scan, newcomer: Client) -> None:
    failed = {"status": "failed", "verdict": ""}
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, False),
        ({"detector_version": "0"}, True),
        ({"detector_name": "former"}, True),
        (failed, False),
        ({**failed, "created_at": timezone.now() - timedelta(hours=1)}, True),
    ]
    for changes, anew in cases:
        before = Scan.objects.get().pk
        Scan.objects.update(**changes)
        found = newcomer.get("/example/")["Location"]
        assert (found != f"/scans/{before}/") is anew, changes
        Scan.objects.update(**DONE, finished_at=timezone.now())  # by the one scan that is left
        assert Scan.objects.count() == Video.objects.count() == 1


def test_another_clip_takes_the_place_of_the_former(
    example: Scan, newcomer: Client, monkeypatch: pytest.MonkeyPatch, clips: Any
) -> None:
    from ml_app.services.intake import example as module

    monkeypatch.setattr(module, "CLIP", clips("other.mp4", seconds=1, fps=5))
    module.clip_sha256.cache_clear()
    newcomer.get("/example/")
    module.clip_sha256.cache_clear()
    assert Scan.objects.exclude(pk=example.pk).count() == Scan.objects.count() == Video.objects.count() == 1


def test_without_a_detector_there_is_none(newcomer: Client, settings: Any) -> None:
    settings.DETECTOR = "none"
    assert newcomer.get("/example/")["Location"] == "/"
    assert not Scan.objects.exists()
    for address in ("/", "/scans/", "/about/"):
        assert 'href="/example/"' not in newcomer.get(address).content.decode(), address


def test_everybody_sees_it_and_nobody_changes_it(
    example: Scan, owner: Client, staff: Client, stranger: Client, newcomer: Client
) -> None:
    account = Client()
    account.force_login(UserFactory())
    scan, video = example.pk, example.video_id
    frame = example.faces.get().frames.all()[0].pk
    seen = [f"/scans/{scan}/", f"/scans/{scan}/video", f"/scans/{scan}/report.json"]
    seen += [f"/scans/{scan}/frames/{frame}/{kind}" for kind in ("thumbnail", "heatmap")]
    acts = ("cancel", "delete_scan", "decide", "assign", "scan_again", "purge", "delete")
    for client in (owner, staff, account, stranger, newcomer):
        page = client.get(seen[0]).content.decode()
        assert "These two people do not exist" in page
        assert "<form" not in page.split("<main")[1].split("</main>")[0]
        assert "Delete" not in page
        for address in seen[1:]:
            assert client.get(address).status_code == 200, address
        for name in acts:
            with undone():
                key = {"video_id": video} if name in ("scan_again", "purge", "delete") else {"scan_id": scan}
                posted = client.post(reverse(f"ml_app:{name}", kwargs=key), {"frame_count": 20})
                assert posted.status_code == 404, name
        assert client.get(f"/videos/{video}/").status_code == 404
        assert client.get(f"/admin/ml_app/scan/{scan}/change/").status_code == 302
        assert client.get(f"/api/v1/scans/{scan}/").status_code == 404
    assert not Review.objects.exists()
    assert not AuditEntry.objects.filter(action__in=["deleted", "purged", "decided"]).exists()


def test_it_is_counted_nowhere(example: Scan, staff: Client, settings: Any) -> None:
    assert not ReviewCase.objects.exists()
    assert not measured_seconds(detector="standard")
    assert b'deepfake_scans{state="done"} 0.0' in services.metrics_text()
    assert b"deepfake_recent_done 0.0" in services.metrics_text()
    person = UserFactory(is_staff=True, is_superuser=True)
    actor = access.actor_of_user(person)
    assert drifts(scans_for(actor)) == []
    assert not scans_for(actor).exists()
    for who in (actor, Actor("visitor:x"), Actor()):
        assert not access.visible_scans(who).exists()
        assert not access.visible_videos(who).exists()
        assert {act for act in Act if access.may(who, act, example)} == {Act.SEE}
    assert example.video.original_name not in staff.get("/scans/?whose=all").content.decode()
    assert example.video.original_name not in staff.get("/admin/ml_app/scan/").content.decode()
    Video.objects.update(uploaded_at=timezone.now() - timedelta(days=100))
    Scan.objects.update(created_at=timezone.now() - timedelta(days=100))
    assert (services.prune_media(days=1), services.prune_findings(days=1)) == (0, 0)
    settings.QUEUE_LIMIT = 1
    Scan.objects.update(status="queued", verdict="", finished_at=None)
    assert not services.queue_state(queue="interactive").is_full
