"""Idempotency-Key: on every POST, done once, and never mixed up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from ml_app.models import KeptAnswer, Review, Scan, Video
from ml_app.services import answers
from tests.api.conftest import SCANS, problem, send
from tests.media import Clips

KEY = {"Idempotency-Key": "a-key-of-the-test"}
JSON = "application/json"


def test_an_upload_that_is_sent_twice_is_one_scan(ours: Client, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    first = send(ours, path, headers=KEY)
    Scan.objects.update(
        status="cancelled", finished_at=timezone.now()
    )  # or the same scan would be found again
    second = send(ours, path, headers=KEY)
    assert (first.status_code, first.content, first["Location"]) == (
        second.status_code,
        second.content,
        second["Location"],
    )
    assert second["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert Scan.objects.count() == 1
    other = send(ours, path, headers={"Idempotency-Key": "another"})
    assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("what", ["file", "name", "choice"])
def test_another_content_is_refused(ours: Client, clips: Clips, tmp_path: Path, what: str) -> None:
    path = clips("talk.mp4", seconds=1)
    send(ours, path, frame_count=20, headers=KEY)
    renamed = tmp_path / "other-name.mp4"
    renamed.write_bytes(path.read_bytes())
    other = {"file": clips("talk.mp4", seconds=2), "name": renamed, "choice": path}[what]
    response = send(ours, other, frame_count=40 if what == "choice" else 20, headers=KEY)
    problem(response, 409, "key_reused")
    assert (Scan.objects.count(), Video.objects.count()) == (1, 1)


def test_a_known_key_is_answered_even_while_the_queue_is_full(
    ours: Client, clips: Clips, settings: Any
) -> None:
    path = clips("talk.mp4", seconds=1)
    first = send(ours, path, headers=KEY)
    settings.QUEUE_LIMIT = 1
    assert send(ours, path, headers=KEY).json() == first.json()
    problem(send(ours, path, headers={"Idempotency-Key": "new"}), 503, "queue_full")


def test_every_post_takes_a_key(
    ours: Client, staff: Client, user: User, finished: Scan, clips: Clips
) -> None:
    rerun, cancel = f"{SCANS}/{finished.pk}/rerun", f"{SCANS}/{finished.pk}/cancel"
    first = ours.post(rerun, {"frame_count": 20}, content_type=JSON, headers=KEY)
    again = ours.post(rerun, {"frame_count": 20}, content_type=JSON, headers=KEY)
    assert (first.json(), again["Idempotent-Replayed"]) == (again.json(), "true")
    problem(ours.post(rerun, {"frame_count": 40}, content_type=JSON, headers=KEY), 409, "key_reused")
    problem(ours.generic("POST", cancel, headers=KEY), 409, "key_reused")  # the same, but of another address
    review = {"decision": "cannot_tell"}
    for _ in range(2):
        answer = staff.post(f"{SCANS}/{finished.pk}/reviews", review, content_type=JSON, headers=KEY)
        assert answer.status_code == 201
    assert Review.objects.count() == 1
    for address in ("/upload", "/detect"):
        key = {"Idempotency-Key": address}
        found = [
            send(ours, clips("talk.mp4", seconds=1), to=address, field="video", headers=key) for _ in "12"
        ]
        assert found[0].json() == found[1].json()
        assert found[1]["Idempotent-Replayed"] == "true"


def test_keys_are_ones_own(ours: Client, theirs: Client, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    found = {send(client, path, headers=KEY).json()["id"] for client in (ours, theirs)}
    assert len(found) == 2


def test_what_was_refused_may_be_put_right_with_the_same_key(
    ours: Client, finished: Scan, clips: Clips
) -> None:
    address = f"{SCANS}/{finished.pk}/rerun"
    problem(ours.post(address, {"frame_count": 7}, content_type=JSON, headers=KEY), 422, "bad_frame_count")
    assert ours.post(address, {"frame_count": 20}, content_type=JSON, headers=KEY).status_code == 202


def test_a_key_in_use_is_told_and_one_whose_process_died_comes_free(
    ours: Client, user: User, waiting: Scan
) -> None:
    address = f"{SCANS}/{waiting.pk}/cancel"
    ours.generic("POST", address, headers=KEY)
    KeptAnswer.objects.update(status=None)
    response = ours.generic("POST", address, headers=KEY)
    problem(response, 409, "key_in_use")
    assert response["Retry-After"]
    KeptAnswer.objects.update(created_at=timezone.now() - answers.DEAD - timedelta(seconds=1))
    assert ours.generic("POST", address, headers=KEY).status_code == 200


def test_answers_are_kept_for_a_day(ours: Client, waiting: Scan) -> None:
    address = f"{SCANS}/{waiting.pk}/cancel"
    ours.generic("POST", address, headers=KEY)
    KeptAnswer.objects.update(created_at=timezone.now() - answers.KEPT - timedelta(seconds=1))
    assert "Idempotent-Replayed" not in ours.generic("POST", address, headers=KEY)
    KeptAnswer.objects.update(created_at=timezone.now() - answers.KEPT - timedelta(seconds=1))
    assert answers.prune_answers() == 1
    assert answers.prune_answers() == 0


@pytest.mark.parametrize("key", ["x" * 256, "a\x01b", "tab\there"])
def test_a_key_is_short_and_printable(ours: Client, waiting: Scan, key: str) -> None:
    response = ours.generic("POST", f"{SCANS}/{waiting.pk}/cancel", headers={"Idempotency-Key": key})
    problem(response, 400, "bad_key")
