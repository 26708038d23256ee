"""Batches over the API."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ml_app.batches.feeding import feed
from ml_app.models import Batch, Scan
from tests.api.conftest import SCANS, problem
from tests.batches import zips
from tests.media import Clips

pytestmark = pytest.mark.django_db
BATCHES = "/api/v1/batches"
LINKS = ["https://video.example/1", "nonsense", "https://video.example/2"]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


def send(client: Client, content: bytes, name: str = "many.zip", to: str = BATCHES, **headers: str) -> Any:
    return client.post(to, {"file": SimpleUploadedFile(name, content), "frame_count": 20}, headers=headers)


def post(client: Client, content: object, **headers: str) -> Any:
    return client.post(BATCHES, content, content_type="application/json", headers=headers)


def test_links_from_the_order_to_the_results(ours: Client, theirs: Client) -> None:
    key = {"Idempotency-Key": "1"}
    response = post(ours, {"urls": LINKS, "name": "Monday", "frame_count": 20}, **key)
    assert response.status_code == 202, response.content
    said = response.json()
    assert (said["name"], said["frame_count"], said["paused"]) == ("Monday", 20, False)
    assert said["counts"] == {
        "total": 3,
        "ended": 1,
        "states": {"waiting": 2, "refused": 1},
        "verdicts": {},
    }
    assert post(ours, {"urls": LINKS, "name": "Monday", "frame_count": 20}, **key).json() == said
    assert Batch.objects.count() == 1
    feed()
    files = ours.get(said["links"]["files"], {"page_size": 2}).json()
    assert [(row["number"], row["state"], row["code"]) for row in files["results"]] == [
        (1, "waiting", None),
        (2, "refused", "bad_url"),
    ]
    (last,) = ours.get(files["next"]).json()["results"]
    assert ours.get(f"{SCANS}/{last['scan']}").json()["queue"] == "batch_link"
    assert ours.get(said["links"]["files"], {"state": "refused"}).json()["results"][0]["name"] == "nonsense"
    problem(ours.get(said["links"]["files"], {"state": "odd"}), 422, "invalid")
    assert ours.post(said["links"]["pause"]).json()["paused"] is True
    assert Scan.objects.count() == 0
    assert ours.post(said["links"]["resume"]).json()["paused"] is False
    assert ours.post(said["links"]["cancel"]).json()["cancelled"] is True
    assert ours.post(said["links"]["rerun"]).json()["counts"]["states"] == {"waiting": 2, "refused": 1}
    assert [row["id"] for row in ours.get(BATCHES).json()["results"]] == [said["id"]]
    assert theirs.get(BATCHES).json()["results"] == []
    assert ours.delete(said["links"]["self"]).status_code == 204


def test_a_zip_file_and_files_one_by_one(ours: Client, clips: Clips, tmp_path: Path) -> None:
    clip = clips("talk.mp4", seconds=1, fps=5, size=(160, 120)).read_bytes()
    packed = zips.pack(tmp_path / "many.zip", {"talk.mp4": clip, "inner.zip": b"x"}).read_bytes()
    said = send(ours, packed).json()
    assert (said["name"], said["counts"]["states"]) == ("many.zip", {"waiting": 1, "refused": 1})
    empty = post(ours, {"name": "folder"}).json()
    row = send(ours, clip, "talk.mp4", to=empty["links"]["files"])
    assert (row.status_code, row.json()["state"]) == (202, "waiting")
    assert send(ours, b"words", "text.mp4", to=empty["links"]["files"]).json()["code"] == "not_a_video"
    assert ours.get(empty["links"]["self"]).json()["counts"]["states"] == {"waiting": 1, "refused": 1}


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"PK\x03\x04", "zip_broken"), (b"words", "table_broken"), (b"url\n", "table_empty")],
)
def test_what_is_refused(ours: Client, content: bytes, code: str) -> None:
    problem(send(ours, content), 422, code)
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"urls": []}, "invalid"),
        ({"urls": "https://a.example"}, "invalid"),
        ({"urls": [1, {}]}, "invalid"),
        ({"urls": LINKS, "frame_count": 7}, "invalid"),
        ({"urls": LINKS, "detector": "none"}, "bad_detector"),
    ],
)
def test_orders_that_cannot_be_used(ours: Client, content: object, code: str) -> None:
    problem(post(ours, content), 422, code)


def test_a_full_queue(ours: Client, settings: Any) -> None:
    settings.BATCH_QUEUE_LIMIT = 1
    post(ours, {"urls": ["https://video.example/1"]})
    Scan.objects.all().delete()
    from tests.factories import ScanFactory

    ScanFactory(queue="batch")
    problem(post(ours, {"urls": LINKS}), 503, "queue_full")


def test_two_hundred_mutated_requests(ours: Client, tmp_path: Path) -> None:
    """Whatever is sent as an order, it is accepted or refused by a code, and never a 500."""
    chance = random.Random(11)
    packed = zips.pack(tmp_path / "a.zip", {"a.mp4": b"x" * 50, "b.mp4": b"y" * 50}).read_bytes()
    bodies: list[tuple[bytes, str, str]] = [
        (b'{"urls": ["https://a.example/1"], "name": "x", "frame_count": 20}', BATCHES, "application/json"),
        (b'{"url": "https://a.example/1", "frame_count": 20}', SCANS, "application/json"),
        (_form("a.zip", packed), BATCHES, "multipart/form-data; boundary=edge"),
        (_form("a.csv", b"url\nhttps://a.example/1\n"), BATCHES, "multipart/form-data; boundary=edge"),
    ]
    statuses = set()
    for number in range(200):
        good, address, kind = bodies[number % len(bodies)]
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.choice((0, 1, 5))] = chance.randbytes(chance.choice((0, 1, 5)))
        response = ours.generic("POST", address, bytes(data), content_type=kind)
        statuses.add(response.status_code)
        if response.status_code != 202:
            assert response.json()["code"], data
    assert statuses <= {202, 400, 413, 415, 422}
    assert {202, 422} <= statuses


def _form(name: str, content: bytes) -> bytes:
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--edge--\r\n"
