"""`POST scans` with a link."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ml_app.models import Origin, Scan
from tests.api.conftest import SCANS, problem

pytestmark = pytest.mark.django_db
URL = "https://video.example/watch?v=1"


def post(client: Client, content: object, **headers: str) -> Any:
    return client.post(SCANS, content, content_type="application/json", headers=headers)


def test_a_link_is_accepted(ours: Client, theirs: Client) -> None:
    response = post(ours, {"url": URL, "frame_count": 20}, **{"Idempotency-Key": "1"})
    assert response.status_code == 202, response.content
    said = response.json()
    assert (said["status"], said["queue"], said["frame_count"]) == ("queued", "link", 20)
    assert said["origin"] == {
        "url": URL,
        "found_url": None,
        "title": None,
        "uploader": None,
        "fetched_at": None,
    }
    assert (said["file"]["sha256"], said["file"]["kept"]) == ("", False)
    again = post(ours, {"url": URL, "frame_count": 20}, **{"Idempotency-Key": "1"})
    assert again.json() == said
    assert Scan.objects.count() == Origin.objects.count() == 1
    problem(post(ours, {"url": URL, "frame_count": 40}, **{"Idempotency-Key": "1"}), 409, "key_reused")
    assert theirs.get(said["links"]["self"]).status_code == 404
    assert ours.post(said["links"]["cancel"]).json()["status"] == "cancelled"
    again = ours.post(said["links"]["rerun"], {}, content_type="application/json")
    assert again.json()["queue"] == "link"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"url": "ftp://host/a"}, "bad_url"),
        ({"url": ""}, "bad_url"),
        ({"url": None}, "bad_url"),
        ({"url": ["https://host/a"]}, "bad_url"),
        ({"url": f"https://host/{'a' * 2000}"}, "bad_url"),
        ({"url": "https://host/a\u0000"}, "bad_url"),
        ({"url": URL, "frame_count": 7}, "bad_frame_count"),
        ({"url": URL, "detector": "none"}, "bad_detector"),
        ({}, "no_file"),
    ],
)
def test_what_is_refused(ours: Client, content: object, code: str) -> None:
    problem(post(ours, content), 422, code)
    assert Scan.objects.count() == 0


def test_the_setting(ours: Client, settings: Any) -> None:
    settings.LINKS = False
    problem(post(ours, {"url": URL}), 422, "links_not_enabled")


def test_a_token_for_reading(user: Any) -> None:
    from tests.api.conftest import program

    problem(post(program(user, "read"), {"url": URL}), 403, "read_only_token")


def test_a_visitor_sees_their_own(nobody: Client) -> None:
    said = post(nobody, {"url": URL}).json()
    assert nobody.get(said["links"]["self"]).status_code == 200
    assert Client().get(said["links"]["self"]).status_code == 404
