"""The pages of batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ml_app.batches import creating
from ml_app.batches.feeding import feed
from ml_app.models import Batch, Scan
from tests.batches import zips
from tests.factories import ScanFactory, VideoFactory
from tests.web.conftest import OWNER

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


def batch_of(owner: str, links: list[str]) -> Batch:
    order = creating.Order(owner, None, 20)
    return creating.create_from_links(order=order, name="links.csv", links=links)


def send(client: Client, content: bytes, name: str) -> Any:
    return client.post("/batches/", {"file": SimpleUploadedFile(name, content), "frame_count": 20})


def test_a_table_becomes_a_batch_with_a_page(newcomer: Client, stranger: Client) -> None:
    response = send(newcomer, b"url\nhttps://video.example/1\nnonsense\n", "links.csv")
    batch = Batch.objects.get()
    page_url = f"/batches/{batch.pk}/"
    assert (response.status_code, response["Location"]) == (302, page_url)
    page = newcomer.get(page_url).content.decode()
    for words in ("links.csv", "1 of 2 files are through", "https://video.example/1", "nonsense", "bad_url"):
        assert words in page
    part = newcomer.get(page_url, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and 'hx-trigger="every 2s"' in part
    assert "links.csv" in newcomer.get("/batches/").content.decode()
    assert "links.csv" not in stranger.get("/batches/").content.decode()


def test_pause_cancel_and_run_again(owner: Client) -> None:
    batch = batch_of(OWNER, ["https://video.example/1"])
    url = f"/batches/{batch.pk}/"
    for action, words in (("pause", "Paused."), ("resume", "Pause"), ("cancel", "Cancelled.")):
        assert owner.post(f"{url}{action}/")["Location"] == url
        assert words in owner.get(url).content.decode()
    assert "hx-get" not in owner.get(url).content.decode(), "nothing more will change"
    assert "Run the failed again" in owner.get(url).content.decode()
    owner.post(f"{url}rerun/")
    assert feed() == 1
    assert owner.post(f"{url}delete/")["Location"] == "/batches/"
    assert not Batch.objects.exists()


def test_filters_sorting_and_results(owner: Client) -> None:
    batch = batch_of(OWNER, ["https://video.example/1", "nonsense"])
    scan = ScanFactory(video=VideoFactory(owner=OWNER), done=True)
    item = batch.items.get(number=1)
    item.scan, item.ordered_at = scan, scan.created_at
    item.save()
    url = f"/batches/{batch.pk}/"
    assert "2 of 2 files are through" in owner.get(url).content.decode()
    refused = owner.get(url, {"state": "refused", "order": "name"}).content.decode()
    assert "nonsense" in refused and "video.example" not in refused
    assert "No file of this batch is like that" in owner.get(url, {"state": "running"}).content.decode()
    assert "nonsense" in owner.get(url, {"state": "odd", "order": "odd", "page": "odd"}).content.decode()
    assert f"/scans/{scan.pk}/" in owner.get(url, {"verdict": "fake"}).content.decode()
    table = owner.get(f"{url}results.csv")
    lines = b"".join(table).decode().splitlines()
    assert (len(lines), table["Content-Type"]) == (3, "text/csv; charset=utf-8")
    told = json.loads(owner.get(f"{url}results.json").content)
    assert [row["code"] for row in told["files"]] == [None, "bad_url"]


def test_a_folder_is_sent_file_by_file(newcomer: Client) -> None:
    made = newcomer.post("/batches/", {"empty": "1", "name": "folder", "frame_count": 20})
    assert made.status_code == 201
    url = f"/batches/{made.json()['batch']}/files/"
    sent = newcomer.post(url, {"file": SimpleUploadedFile("text.mp4", b"words")})
    assert (sent.status_code, sent.json()["code"]) == (201, "not_a_video")
    assert newcomer.post(url).status_code == 422


def test_a_file_that_is_too_large_has_a_row(newcomer: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    made = newcomer.post("/batches/", {"empty": "1", "name": "folder", "frame_count": 20}).json()
    url = f"/batches/{made['batch']}/files/?name=folder/a.mp4"
    newcomer.post(url, {"file": SimpleUploadedFile("a.mp4", b"x" * (1024**2 + 1))})
    assert [(item.name, item.error_code) for item in Batch.objects.get().items.all()] == [
        ("folder/a.mp4", "too_large")
    ]


@pytest.mark.parametrize(("content", "words"), [(b"PK\x03\x04", "damaged"), (b"words", "neither a zip file")])
def test_what_is_refused_is_said(newcomer: Client, content: bytes, words: str) -> None:
    response = send(newcomer, content, "many.zip")
    assert response.status_code == 422
    assert words in response.content.decode()
    assert newcomer.post("/batches/", {"frame_count": 20}).status_code == 422
    assert newcomer.post("/batches/", {"frame_count": 7}).status_code == 422


def test_a_full_queue(newcomer: Client, settings: Any, tmp_path: Path) -> None:
    settings.BATCH_QUEUE_LIMIT = 1
    ScanFactory(queue="batch")
    path = zips.pack(tmp_path / "many.zip", {"a.mp4": b"x"})
    response = send(newcomer, path.read_bytes(), "many.zip")
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert Scan.objects.count() == 1


def test_the_list_asks_as_often_for_many(owner: Client, django_assert_max_num_queries: Any) -> None:
    made = [
        batch_of(OWNER, [f"https://video.example/{at}/{of}" for of in range(at % 3 + 1)]) for at in range(6)
    ]
    with django_assert_max_num_queries(8):
        page = owner.get("/batches/").content.decode()
    assert page.count("of 3 files") == page.count("of 1 files") == 2
    with django_assert_max_num_queries(8):
        rows = owner.get("/api/v1/batches").json()["results"]
    assert [row["counts"]["total"] for row in rows] == [3, 2, 1, 3, 2, 1]
    assert len(made) == len(rows)
