"""POST /upload and POST /detect."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ml_app.api import aliases
from ml_app.models import Scan
from tests.api.conftest import problem, send
from tests.factories import ScanFactory
from tests.media import Clips

JSON = "application/json"


@pytest.mark.parametrize("address", ["/upload", "/detect", "/upload/", "/detect/"])
def test_a_video_is_taken_in(nobody: Client, clips: Clips, address: str) -> None:
    response = send(nobody, clips("talk.mp4", seconds=1), to=address, field="video")
    scan = Scan.objects.get()
    assert response.status_code == 202
    assert response.json() == {
        "prediction": None,
        "confidence": None,
        "scan": str(scan.pk),
        "status": "queued",
    }
    assert nobody.get(f"/scans/{scan.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("values", "prediction", "confidence"),
    [
        ({}, "FAKE", 93.0),
        ({"verdict": "real", "fake_probability": 0.2}, "REAL", 80.0),
        ({"verdict": "uncertain", "fake_probability": 0.45}, "UNCERTAIN", 55.0),
        ({"verdict": "not_analysable", "fake_probability": None}, "NOT_ANALYSABLE", None),
    ],
)
def test_what_was_found(
    ours: Client, user: User, values: dict[str, Any], prediction: str, confidence: float | None
) -> None:
    scan = ScanFactory(video__owner=f"user:{user.pk}", done=True, **values)
    response = ours.post("/detect", {"scan": str(scan.pk)}, content_type=JSON)
    assert response.status_code == 200
    assert response.json() == {
        "prediction": prediction,
        "confidence": confidence,
        "scan": str(scan.pk),
        "status": "done",
    }


def test_what_failed_is_a_problem(ours: Client, user: User) -> None:
    scan = ScanFactory(video__owner=f"user:{user.pk}", failed=True)
    problem(ours.post("/detect", {"scan": str(scan.pk)}, content_type=JSON), 422, "decoder_timeout")


def test_others_scans_do_not_exist(theirs: Client, nobody: Client, finished: Scan) -> None:
    for client in (theirs, nobody):
        problem(client.post("/detect", {"scan": str(finished.pk)}, content_type=JSON), 404, "not_found")
    problem(theirs.post("/detect", {"scan": "7"}, content_type=JSON), 404, "not_found")


def test_a_setting_turns_them_off(ours: Client, clips: Clips, settings: Any) -> None:
    settings.API_ALIASES = False
    for address in ("/upload", "/detect"):
        problem(send(ours, clips("talk.mp4", seconds=1), to=address, field="video"), 404, "not_found")
    assert not Scan.objects.exists()


def test_they_wait_for_the_scan_but_not_too_many_of_them(
    ours: Client, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_ALIAS_WAIT_SECONDS = 30
    scan = ScanFactory(video__owner=f"user:{user.pk}")

    def cancel(seconds: float) -> None:
        Scan.objects.cancel_waiting(scan.pk)

    monkeypatch.setattr(aliases.time, "sleep", cancel)
    assert ours.post("/detect", {"scan": str(scan.pk)}, content_type=JSON).json()["status"] == "cancelled"
    waiting = ScanFactory(video__owner=f"user:{user.pk}")
    monkeypatch.setattr(aliases, "_room", threading.BoundedSemaphore(1))
    with aliases._a_place():
        answer = ours.post("/detect", {"scan": str(waiting.pk)}, content_type=JSON)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
