"""What is refused: with the codes of the pages, as problem+json, and early enough."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from ml_app.api.base import LARGEST_JSON
from ml_app.models import Scan, Video
from tests.api.conftest import SCANS, problem, program, send
from tests.factories import ScanFactory
from tests.media import Clips
from tests.unread import UnreadBody
from tests.web.test_upload import assert_nothing_is_kept

pytestmark = pytest.mark.django_db
ADDRESSES = [(SCANS, "file"), ("/upload", "video"), ("/detect", "video")]


def post_unread(client: Client, address: str, body: UnreadBody, **headers: str) -> Any:
    kind = "multipart/form-data; boundary=x"
    request: dict[str, Any] = {"wsgi.input": body, "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(400 * 1024**2)}
    return client.post(address, headers=headers, **request)


@pytest.mark.parametrize("address", [SCANS, "/upload", "/detect"])
@pytest.mark.parametrize("who", ["ours", "nobody", "owner"])
def test_while_the_queue_is_full_nothing_is_read(
    request: pytest.FixtureRequest, settings: Any, address: str, who: str
) -> None:
    settings.QUEUE_LIMIT = 1
    ScanFactory()
    client, body = request.getfixturevalue(who), UnreadBody()
    response = post_unread(client, address, body)
    problem(response, 503, "queue_full")
    assert response["Retry-After"] == "60"
    assert body.pieces == [], "thrown away afterwards, so that the answer gets through"
    assert Video.objects.count() == 1


def test_nor_where_there_is_no_right_to_send(user: User, db: None) -> None:
    for client, code, status in (
        (program(user, scope="read"), "read_only_token", 403),
        (Client(headers={"Authorization": "Bearer nonsense"}), "bad_token", 401),
    ):
        problem(post_unread(client, SCANS, UnreadBody()), status, code)
    cookies = Client(enforce_csrf_checks=True)
    cookies.force_login(user)
    problem(post_unread(cookies, SCANS, UnreadBody()), 403, "csrf_failed")


def test_ordering_again_waits_for_room(ours: Client, finished: Scan, settings: Any) -> None:
    settings.QUEUE_LIMIT = 1
    ScanFactory()
    response = ours.generic("POST", f"{SCANS}/{finished.pk}/rerun")
    problem(response, 503, "queue_full")
    assert response["Retry-After"] == "60"


@pytest.mark.parametrize(("address", "field"), ADDRESSES)
def test_too_large_a_file(ours: Client, tmp_path: Path, settings: Any, address: str, field: str) -> None:
    settings.MAX_UPLOAD_MB = 1
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(1024**2 + 100_000))
    problem(send(ours, path, to=address, field=field), 413, "too_large")
    assert_nothing_is_kept(settings)


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"hello, this is text" * 100, "not_a_video")]
)
@pytest.mark.parametrize(("address", "field"), ADDRESSES)
def test_what_is_no_video(
    ours: Client, tmp_path: Path, settings: Any, content: bytes, code: str, address: str, field: str
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    problem(send(ours, path, to=address, field=field), 422, code)
    assert_nothing_is_kept(settings)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"frame_count": 7}, "bad_frame_count"),
        ({"frame_count": "many"}, "bad_frame_count"),
        ({"frame_count": "9" * 5000}, "bad_frame_count"),
        ({"detector": "../standard"}, "bad_detector"),
        ({"detector": "\x00"}, "bad_detector"),
        ({"team": "desk"}, "bad_team"),
    ],
)
def test_a_wrong_choice(ours: Client, clips: Clips, settings: Any, fields: dict[str, Any], code: str) -> None:
    problem(send(ours, clips("talk.mp4", seconds=1), **fields), 422, code)
    assert_nothing_is_kept(settings)


def test_several_files_at_once(ours: Client, clips: Clips, settings: Any) -> None:
    path = clips("talk.mp4", seconds=1)
    with path.open("rb") as one, path.open("rb") as two:
        problem(ours.post(SCANS, {"file": [one, two]}), 422, "one_file")
    with path.open("rb") as one, path.open("rb") as two:
        problem(ours.post(SCANS, {"file": one, "other": two}), 422, "one_file")
    assert_nothing_is_kept(settings)


def test_no_file_a_link_and_other_types(ours: Client) -> None:
    problem(ours.post(SCANS, {"frame_count": 20}), 422, "no_file")
    problem(ours.generic("POST", SCANS), 422, "no_file")
    problem(ours.post(SCANS, {"video": "x"}), 422, "no_file")
    as_json = "application/json"
    problem(ours.post(SCANS, {"link": "https://a.example/v.mp4"}, content_type=as_json), 422, "no_file")
    problem(ours.post(SCANS, {}, content_type=as_json), 422, "no_file")
    problem(ours.generic("POST", SCANS, b"x", content_type="video/mp4"), 415, "unsupported_media_type")
    problem(ours.generic("POST", SCANS, b"a=b", content_type="text/plain"), 415, "unsupported_media_type")
    broken = "multipart/form-data; boundary="
    problem(ours.generic("POST", SCANS, b"--x", content_type=broken), 400, "malformed")


def test_detector_away(ours: Client, clips: Clips, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    response = send(ours, clips("talk.mp4", seconds=1))
    problem(response, 503, "detector_unavailable")
    assert response["Retry-After"]
    assert_nothing_is_kept(settings)


def test_too_many_within_a_minute(
    ours: Client, user: User, finished: Scan, settings: Any, clips: Clips
) -> None:
    settings.API_SCANS_PER_MINUTE = 2
    ScanFactory(video__owner=f"user:{user.pk}", cancelled=True)
    body = UnreadBody()
    response = post_unread(ours, SCANS, body)
    problem(response, 429, "too_many")
    assert int(response["Retry-After"]) > 0
    problem(ours.generic("POST", f"{SCANS}/{finished.pk}/rerun"), 429, "too_many")
    Scan.objects.update(created_at=finished.created_at - timedelta(minutes=2))
    assert send(ours, clips("talk.mp4", seconds=1)).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"frame_count": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_bodies_that_are_no_json_object(ours: Client, finished: Scan, body: bytes) -> None:
    address = f"{SCANS}/{finished.pk}/rerun"
    response = ours.generic("POST", address, body, content_type="application/json")
    if len(body) > LARGEST_JSON:
        problem(response, 413, "too_large")
    else:
        problem(response, 400, "malformed")


@pytest.mark.parametrize("note", ["\x00", "\ud800", 5 * ["x"], {"a": 1}, "x" * 10_001])
def test_notes_that_cannot_be_kept(staff: Client, finished: Scan, note: Any) -> None:
    body = json.dumps({"decision": "cannot_tell", "note": note})
    response = staff.generic("POST", f"{SCANS}/{finished.pk}/reviews", body, content_type="application/json")
    assert list(problem(response, 422, "invalid")["errors"]) == ["note"]


def test_json_larger_than_anything_that_is_said_in_it(staff: Client, finished: Scan) -> None:
    body = json.dumps({"decision": "cannot_tell", "note": "x" * 300_000})
    response = staff.generic("POST", f"{SCANS}/{finished.pk}/reviews", body, content_type="application/json")
    problem(response, 413, "too_large")


def test_other_methods_and_addresses(ours: Client, finished: Scan) -> None:
    problem(ours.put(SCANS), 405, "method_not_allowed")
    problem(ours.get("/upload"), 405, "method_not_allowed")
    for address in ("/api/", "/api/v2/scans", "/api/v1/scan", f"{SCANS}/%0A/faces/1", f"{SCANS}/1"):
        problem(ours.get(address), 404, "not_found")
        problem(ours.post(address), 404, "not_found")
    assert ours.get(f"{SCANS}/").json() == ours.get(SCANS).json(), "a slash at the end does no harm"


def test_sentences_are_in_the_language_that_was_asked_for(ours: Client) -> None:
    german = {"Accept-Language": "de"}
    english = problem(ours.get(f"{SCANS}/x"), 404, "not_found")
    assert problem(ours.get(f"{SCANS}/x", headers=german), 404, "not_found")["detail"] != english["detail"]


def test_whatever_a_browser_would_rather_have_it_gets_json(ours: Client) -> None:
    response = ours.get(SCANS, headers={"Accept": "text/html"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert "no-store" in response["Cache-Control"]


def test_an_error_of_ours_is_told_without_its_traceback(
    ours: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**values: Any) -> None:
        raise RuntimeError("the inner life of the site")

    monkeypatch.setattr("ml_app.services.queue_state", fail)
    with pytest.raises(RuntimeError):
        ours.get("/api/v1/me")  # heard by whoever listens, such as Sentry
    ours.raise_request_exception = False
    found = problem(ours.get("/api/v1/me"), 500, "internal_error")
    assert "inner life" not in json.dumps(found)
    assert "inner life" in caplog.text


@pytest.mark.parametrize(
    ("full", "status", "code"), [(False, 503, "database_away"), (True, 507, "database_full")]
)
def test_a_database_that_fails(
    ours: Client, monkeypatch: pytest.MonkeyPatch, full: bool, status: int, code: str
) -> None:
    def fail(**values: Any) -> None:
        cause = sqlite3.OperationalError("database or disk is full")
        cause.sqlite_errorcode = 13 if full else 10
        raise OperationalError from cause

    monkeypatch.setattr("ml_app.services.queue_state", fail)
    response = ours.get("/api/v1/me")
    problem(response, status, code)
    assert response["Retry-After"] == "30"
