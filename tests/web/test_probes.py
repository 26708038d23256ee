"""/healthz, /readyz and /metrics: what they see, and who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from ml_app.models import Worker
from ml_app.services import health, metrics
from tests.factories import ScanFactory

TOKEN = "a-token-of-the-test-that-is-long"


@pytest.fixture(autouse=True)
def _ask_again(settings: Any, tmp_path: Path) -> None:
    health.latest.forget()
    metrics._ended.cache_clear()
    settings.MIN_FREE_DISK_MB = 1


@pytest.fixture
def worker(db: None) -> Worker:
    return Worker.objects.create(name="host:1", seen_at=timezone.now())


@pytest.fixture
def ready(client: Client) -> Callable[[], tuple[int, dict[str, Any]]]:
    def ask() -> tuple[int, dict[str, Any]]:
        health.latest.forget()
        response = client.get("/readyz")
        return response.status_code, response.json()

    return ask


def test_the_process_answers_under_any_name_and_without_tls(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["detector.example"]
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/healthz", headers={"host": "web:8000"})
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-cache" in response["Cache-Control"]
    assert client.post("/healthz").status_code == 405


def test_everything_is_there(worker: Worker, ready: Any) -> None:
    status, answer = ready()
    assert (status, answer["ready"]) == (200, True)
    assert set(answer["parts"]) == {"database", "broker", "disk", "worker", "checkpoint"}
    assert all(part == {"ok": True, "message": ""} for part in answer["parts"].values())


def _only_failure(answer: dict[str, Any]) -> tuple[str, str]:
    failed = [(name, part["message"]) for name, part in answer["parts"].items() if not part["ok"]]
    assert len(failed) == 1, failed
    return failed[0]


def test_a_worker_that_fell_silent(worker: Worker, ready: Any) -> None:
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=61))
    status, answer = ready()
    assert (status, answer["ready"]) == (503, False)
    assert _only_failure(answer) == ("worker", "No worker was heard of in the last 60 seconds.")


def test_a_full_disk(worker: Worker, ready: Any, settings: Any) -> None:
    settings.MIN_FREE_DISK_MB = 10**9
    name, message = _only_failure(ready()[1])
    assert name == "disk"
    assert "MIN_FREE_DISK_MB" in message


def test_damaged_weights(worker: Worker, ready: Any, settings: Any, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "models"
    shutil.copytree(settings.MODELS_DIR, copy)
    settings.MODELS_DIR = copy
    assert ready()[0] == 200
    head = copy / "standard" / "head-20.safetensors"
    content = bytearray(head.read_bytes())
    content[-1] ^= 1  # the size stays; only the pinned hash tells
    head.write_bytes(content)
    assert _only_failure(ready()[1])[0] == "checkpoint"


def test_a_broker_that_is_away(worker: Worker, ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import Celery

    monkeypatch.setattr(health, "app", Celery(broker="redis://127.0.0.1:1/0"))  # where nobody listens
    name, message = _only_failure(ready()[1])
    assert name == "broker"
    assert "127.0.0.1" not in message, "strangers need not know where it is"


def test_a_database_that_is_away(worker: Worker, ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("connection to 192.0.2.9 refused")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", fails)
        patch.setattr(connection, "close", lambda: None)  # the test's own transaction lies in it
        status, answer = ready()
    assert status == 503
    assert not answer["parts"]["database"]["ok"]
    assert "192.0.2.9" not in str(answer)


def test_many_questions_are_one(worker: Worker, client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # SELECT 1, and whether a worker lives
        for _ in range(10):
            assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("values", "headers", "status"),
    [
        ({}, {}, 404),
        ({}, {"authorization": "Bearer "}, 404),
        ({"METRICS_TOKEN": TOKEN}, {}, 404),
        ({"METRICS_TOKEN": TOKEN}, {"authorization": "Bearer wrong"}, 404),
        ({"METRICS_TOKEN": TOKEN}, {"authorization": f"Bearer {TOKEN}"}, 200),
        ({"METRICS_NETWORKS": ["127.0.0.0/8"]}, {}, 200),
        ({"METRICS_NETWORKS": ["10.0.0.0/8"]}, {}, 404),
        (
            {"METRICS_NETWORKS": ["127.0.0.0/8"], "BEHIND_PROXY": True},
            {"x-forwarded-for": "203.0.113.9"},
            404,
        ),
    ],
)
def test_who_reads_metrics(
    client: Client, db: None, settings: Any, values: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    assert client.get("/metrics", headers=headers).status_code == status


def test_metrics_tell_what_is_there(client: Client, worker: Worker, settings: Any) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.1"]
    oldest = timezone.now() - timedelta(seconds=90)
    ScanFactory(created_at=oldest)
    ScanFactory()
    ScanFactory(running=True)
    ScanFactory(failed=True)
    for total in (1.0, 2.0, 9.0):
        ScanFactory(done=True, seconds={"total": total, "faces": total / 2})
    families = {f.name: f for f in text_string_to_metric_families(client.get("/metrics").content.decode())}
    value = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    states = {"queued": 2, "running": 1, "failed": 1, "done": 3, "cancelled": 0}
    assert {state: value["deepfake_scans", ("state", state)] for state in states} == states
    assert value["deepfake_queue_length", ("queue", "interactive")] == 2
    waited = (timezone.now() - oldest).total_seconds()
    assert 90 <= value["deepfake_queue_oldest_seconds", ("queue", "interactive")] <= waited
    assert value["deepfake_workers",] == 1
    assert value["deepfake_stage_seconds", ("quantile", "0.5"), ("stage", "total")] == 2.0
    assert value["deepfake_stage_seconds", ("quantile", "0.95"), ("stage", "faces")] == 4.5
    assert value["deepfake_recent_done",] == 3
    assert value["deepfake_recent_failures", ("code", "decoder_timeout")] == 1
    assert value["deepfake_ready", ("part", "worker")] == 1
    (model,) = families["deepfake_model_info"].samples
    assert model.labels == {"name": "standard", "version": "1", "available": "true"}
