"""Webhooks: signed, tried again for a day, logged, and never into a private network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from ml_app.models import Delivery, Scan, Webhook
from ml_app.services.notifications import webhooks
from tests.api.conftest import problem
from tests.api.receiver import Receiver
from tests.factories import ScanFactory

HOOKS = "/api/v1/webhooks"
JSON = "application/json"


@pytest.fixture
def hook(user: User, receiver: Receiver) -> Webhook:
    return webhooks.create_webhook(user=user, url=receiver.url)


def ended(user: User, **values: Any) -> Scan:
    return ScanFactory(video__owner=f"user:{user.pk}", **({"done": True} | values))


def only() -> Delivery:
    return Delivery.objects.get()


def test_a_scan_that_ends_is_told_of_and_signed(user: User, hook: Webhook, receiver: Receiver) -> None:
    scan = ended(user)
    ScanFactory(done=True)  # somebody else's
    assert webhooks.note_ended() == 1
    assert webhooks.note_ended() == 0, "once"
    assert webhooks.deliver(str(only().pk))
    ((path, headers, body),) = receiver.heard
    assert path == "/told"
    said = json.loads(body)
    assert (said["type"], said["data"]["scan"], said["data"]["verdict"]) == (
        "scan.done",
        str(scan.pk),
        "fake",
    )
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.{body}".encode()
    expected = hmac.new(base64.b64decode(hook.secret), signed, hashlib.sha256).digest()
    assert headers["Webhook-Signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert abs(int(headers["Webhook-Timestamp"]) - time.time()) < 60
    row = only()
    assert (row.attempts, row.status, row.error, row.next_at) == (1, 204, "", None)
    assert row.delivered_at is not None


@pytest.mark.parametrize("how", [{"failed": True, "done": False}, {"cancelled": True, "done": False}])
def test_of_every_end(user: User, hook: Webhook, how: dict[str, Any]) -> None:
    scan = ended(user, **how)
    webhooks.note_ended()
    assert only().event == f"scan.{scan.status}"


def test_of_nothing_that_ended_before(user: User, receiver: Receiver) -> None:
    ended(user)
    webhooks.create_webhook(user=user, url=receiver.url)
    assert webhooks.note_ended() == 0
    ScanFactory(video__owner=f"user:{user.pk}")
    assert webhooks.note_ended() == 0, "it waits"


def test_what_fails_is_tried_again_with_growing_pauses_for_a_day(
    user: User, hook: Webhook, receiver: Receiver
) -> None:
    ended(user)
    webhooks.note_ended()
    receiver.answers = [(500, {})] * (len(webhooks.PAUSES) + 1)
    pauses = []
    for number in range(1, len(webhooks.PAUSES) + 2):
        assert not webhooks.deliver(str(only().pk))
        row = only()
        assert (row.attempts, row.status, row.error) == (number, 500, "HTTP 500")
        if row.next_at is None:
            break
        pauses.append((row.next_at - timezone.now()).total_seconds())
        assert not webhooks.deliver(str(row.pk)), "it is not due"
        Delivery.objects.update(next_at=timezone.now())
    assert len(pauses) == len(webhooks.PAUSES) == number - 1
    assert pauses == sorted(pauses)
    assert 23 * 3600 < sum(pauses) < 26 * 3600
    assert len(receiver.heard) == number
    assert len({headers["Webhook-Id"] for _path, headers, _body in receiver.heard}) == 1
    assert webhooks.send_due() == 0


def test_of_two_workers_one_sends(user: User, hook: Webhook) -> None:
    ended(user)
    webhooks.note_ended()
    pk = only().pk
    assert Delivery.objects.claim(pk, lease=webhooks.LEASE)
    assert not webhooks.deliver(str(pk))
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))  # that worker died
    assert webhooks.deliver(str(pk))
    assert not Delivery.objects.end(pk, 1, error="from the dead"), "its attempt counts no more"


def test_the_sweeper_sends_what_is_due_to_the_workers(
    user: User, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepfake_site.celery import app
    from ml_app.jobs.sweeper import sweep

    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **options: sent.append((name, args)))
    ended(user)
    sweep(all_files=False)
    app.loader.import_default_modules()
    assert sent == [("ml_app.jobs.deliveries.deliver", [str(only().pk)])]
    assert sent[0][0] in app.tasks


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http://user@example.com/",
        "http://exa mple.com/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://example.com/\r\nHost: x",
        "gopher://x/",
        "javascript:alert(1)",
        "http://ex\u00e4mple.com/",
    ],
)
def test_addresses_that_are_none(ours: Client, url: str) -> None:
    response = ours.post(HOOKS, {"url": url}, content_type=JSON)
    assert response.status_code == 422
    assert response.json()["code"] in ("bad_url", "invalid")


# Over the API


def test_the_whole_way_over_the_api(ours: Client, user: User, receiver: Receiver) -> None:
    made = ours.post(HOOKS, {"url": receiver.url}, content_type=JSON)
    assert made.status_code == 201
    secret, address = made.json()["secret"], made["Location"]
    assert len(base64.b64decode(secret)) == 32
    assert ours.get(address).json() == {k: v for k, v in made.json().items() if k != "secret"}
    assert secret not in ours.get(HOOKS).content.decode()
    scan = ended(user)
    webhooks.note_ended()
    webhooks.deliver(str(only().pk))
    scan.video.delete()
    (log,) = ours.get(f"{address}/deliveries").json()["results"]
    assert (log["scan"], log["status"], log["attempts"]) == (str(scan.pk), 204, 1), "kept without the scan"
    again = ours.generic("POST", f"{address}/deliveries/{log['id']}/replay")
    assert (again.status_code, again.json()["attempts"]) == (202, 0)
    assert webhooks.deliver(log["id"])
    assert receiver.heard[0][2] == receiver.heard[1][2]
    assert receiver.heard[0][1]["Webhook-Id"] == receiver.heard[1][1]["Webhook-Id"]
    assert ours.delete(address).status_code == 204
    assert not Delivery.objects.exists()


def test_others_webhooks_do_not_exist(
    theirs: Client, staff: Client, nobody: Client, stranger: Client, user: User, hook: Webhook
) -> None:
    ended(user)
    webhooks.note_ended()
    address = f"{HOOKS}/{hook.pk}"
    for client in (theirs, staff, nobody, stranger):
        problem(client.get(address), 404, "not_found")
        problem(client.delete(address), 404, "not_found")
        problem(client.get(f"{address}/deliveries"), 404, "not_found")
        problem(client.generic("POST", f"{address}/deliveries/{only().pk}/replay"), 404, "not_found")
    problem(nobody.get(HOOKS), 403, "account_needed")
    problem(nobody.post(HOOKS, {"url": "https://a.example/"}, content_type=JSON), 403, "account_needed")
    assert theirs.get(HOOKS).json() == []


def test_there_are_not_too_many(ours: Client, user: User) -> None:
    for _ in range(webhooks.MOST_PER_ACCOUNT):
        webhooks.create_webhook(user=user, url="https://a.example/")
    answer = ours.post(HOOKS, {"url": "https://a.example/"}, content_type=JSON)
    problem(answer, 422, "too_many_webhooks")


def test_the_log_is_kept_for_a_month(user: User, hook: Webhook) -> None:
    old = timezone.now() - webhooks.KEPT - timedelta(days=1)
    for next_at in (None, timezone.now()):
        Delivery.objects.create(
            webhook=hook, scan_id=uuid4(), event="scan.done", body="{}", created_at=old, next_at=next_at
        )
    assert webhooks.prune_deliveries() == 1
    assert Delivery.objects.get().next_at is not None
