"""Who may do what over the API, for every address: one without a rule here fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from ml_app.models import ApiToken, Batch, BatchItem, Delivery, FaceFrame, Review, Scan, Video, Webhook
from ml_app.services.tokens import create_token
from ml_app.services.webhooks import create_webhook

WHO = ("owner", "staff", "another account", "another visitor", "nobody")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def same(status: int) -> tuple[int, ...]:
    return (status,) * len(WHO)


@dataclass(frozen=True)
class Rule:
    """What the methods answer to each of them."""

    GET: tuple[int, ...] = same(405)
    POST: tuple[int, ...] = same(405)
    DELETE: tuple[int, ...] = same(405)
    private: bool = False  # it belongs to somebody: to others it does not exist


MINE = (200, 200, 404, 404, 404)
OWN = (200, 404, 404, 404, 404)
RULES = {
    "api:scans": Rule(GET=same(200), POST=same(422)),  # one's own alone: see below; without a file
    "api:scan": Rule(GET=MINE, DELETE=(204, 403, 404, 404, 404), private=True),
    "api:cancel": Rule(POST=MINE, private=True),
    "api:rerun": Rule(POST=(202, 202, 404, 404, 404), private=True),
    "api:faces": Rule(GET=MINE, private=True),
    "api:face": Rule(GET=MINE, private=True),
    "api:reviews": Rule(GET=MINE, POST=(403, 201, 404, 404, 404), private=True),
    "api:video": Rule(GET=MINE, private=True),
    "api:thumbnail": Rule(GET=MINE, private=True),
    "api:heatmap": Rule(GET=MINE, private=True),
    "api:report": Rule(GET=MINE, private=True),
    "api:batch_report": Rule(GET=MINE, private=True),
    "api:batches": Rule(GET=same(200), POST=same(422)),  # one's own alone; without a file
    "api:batch": Rule(GET=MINE, DELETE=(204, 403, 404, 404, 404), private=True),
    "api:batch_files": Rule(GET=MINE, POST=(422, 403, 404, 404, 404), private=True),
    "api:pause_batch": Rule(POST=MINE, private=True),
    "api:resume_batch": Rule(POST=MINE, private=True),
    "api:cancel_batch": Rule(POST=MINE, private=True),
    "api:rerun_batch": Rule(POST=MINE, private=True),
    "api:detectors": Rule(GET=same(200)),
    "api:detector": Rule(GET=same(200)),
    "api:me": Rule(GET=same(200)),
    # Accounts' own, and of nobody else; staff are no exception.
    "api:webhooks": Rule(GET=(200, 200, 200, 403, 403), POST=(422, 422, 422, 403, 403)),
    "api:webhook": Rule(GET=OWN, DELETE=(204, 404, 404, 404, 404), private=True),
    "api:deliveries": Rule(GET=OWN, private=True),
    "api:replay": Rule(POST=(202, 404, 404, 404, 404), private=True),
    "api:upload": Rule(POST=same(422)),
    "api:detect": Rule(POST=same(422)),
    "api:schema": Rule(GET=same(200)),
    "api:docs": Rule(GET=same(200)),
    # Pages, for those who are signed in; programs are not.
    "api:tokens": Rule(GET=same(302)),
    "api:revoke_token": Rule(POST=same(302)),
    "api:nothing": Rule(*(same(404),) * 3),
}
PAGES = {"api:schema", "api:docs", "api:tokens", "api:revoke_token"}
BODIES: dict[str, Any] = {"api:reviews": {"decision": "cannot_tell"}, "api:rerun": {"frame_count": 20}}


def names(resolver: URLResolver | None = None, spaces: tuple[str, ...] = ()) -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern, (*spaces, pattern.namespace) if pattern.namespace else spaces)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield ":".join([*spaces, pattern.name])


def address(name: str, scan: Scan) -> str:
    if name == "api:nothing":
        return "/api/v1/anything"
    frame = FaceFrame.objects.filter(face__scan=scan).exclude(heatmap="").first()
    assert frame is not None
    hook = Webhook.objects.get()
    values = {
        "number": 1,
        "frame_id": frame.pk,
        "scan_id": scan.pk,
        "batch_id": UUID(int=8),
        "webhook_id": hook.pk,
        "delivery_id": hook.deliveries.get().pk,
    }
    needs = {
        "api:detector": {"name": "standard"},
        "api:revoke_token": {"token_id": ApiToken.objects.values_list("pk", flat=True).first() or 1},
        "api:webhook": {"webhook_id"},
        **{name: {"batch_id"} for name in RULES if "batch" in name and name != "api:batches"},
        "api:deliveries": {"webhook_id"},
        "api:replay": {"webhook_id", "delivery_id"},
        "api:face": {"scan_id", "number"},
        "api:thumbnail": {"scan_id", "frame_id"},
        "api:heatmap": {"scan_id", "frame_id"},
    }.get(name, {"scan_id"} if RULES[name].private else set())
    keywords = needs if isinstance(needs, dict) else {key: values[key] for key in needs}
    return reverse(name, kwargs=keywords)


def ask(client: Client, method: str, name: str, url: str) -> Any:
    if method == "POST" and name in BODIES:
        return client.post(url, BODIES[name], content_type="application/json")
    return client.generic(method, url)


@pytest.fixture
def clients(ours: Client, staff: Client, theirs: Client, stranger: Client, nobody: Client) -> list[Client]:
    return [ours, staff, theirs, stranger, nobody]


@pytest.fixture(autouse=True)
def hook(user: User) -> Webhook:
    """A webhook of `user`, with something in its log."""
    row = create_webhook(user=user, url="https://hooks.example/")
    Delivery.objects.create(webhook=row, scan_id=UUID(int=7), event="scan.done", body="{}")
    return row


@pytest.fixture(autouse=True)
def batch(finished: Scan) -> Batch:
    """A batch of `user` with one file, under a number that the other tables can name."""
    row = Batch.objects.create(
        pk=UUID(int=8), owner=finished.owner, name="speech.mp4", frame_count=20, detector_name="standard"
    )
    BatchItem.objects.create(
        batch=row, number=1, name="speech.mp4", scan=finished, ordered_at=finished.created_at
    )
    return row


def everything() -> tuple[Any, ...]:
    """All that a stranger could change."""
    models = (Video, Scan, FaceFrame, Review, Webhook, Delivery, Batch, BatchItem)
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    return (*rows, sorted(Path(settings.MEDIA_ROOT).rglob("*")))


def test_every_address_has_a_rule() -> None:
    assert {name for name in names() if name.startswith("api:")} == set(RULES)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("name", RULES)
def test_each_gets_what_the_rule_says(name: str, method: str, clients: list[Client], finished: Scan) -> None:
    url, expected = address(name, finished), getattr(RULES[name], method)
    found = {}
    for who, client in reversed(
        list(zip(WHO, clients, strict=True))
    ):  # the owner, who may delete, comes last
        if name in PAGES:  # programs have no form's token, and here the question is another
            client.handler.enforce_csrf_checks = False
        response = ask(client, method, name, url)
        found[who] = response.status_code
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]
        if RULES[name].private and response.status_code == 200:
            assert "private" in response["Cache-Control"]
        if response.status_code >= 400 and name not in PAGES:
            assert response["Content-Type"] == "application/problem+json"
    assert found == dict(zip(WHO, expected, strict=True))


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.private])
def test_to_others_it_looks_as_if_it_did_not_exist(
    name: str, clients: list[Client], finished: Scan, hook: Webhook
) -> None:
    url = address(name, finished)
    missing = url.replace(str(finished.pk), str(UUID(int=1))).replace(str(hook.pk), str(UUID(int=2)))
    missing = missing.replace(str(UUID(int=8)), str(UUID(int=9)))
    before = everything()
    for client in clients[2:]:
        for method in METHODS:
            response, none = ask(client, method, name, url), ask(client, method, name, missing)
            assert response.status_code in (404, 405), method
            assert (response.status_code, response.content) == (none.status_code, none.content), method
            assert finished.video.original_name not in response.content.decode()
    assert everything() == before


def test_a_list_is_ones_own(clients: list[Client], finished: Scan) -> None:
    found = [len(client.get("/api/v1/scans").json()["results"]) for client in clients]
    assert found == [1, 0, 0, 0, 0], "staff ask for everybody's"


def test_pages_for_those_who_are_signed_in(user: User, finished: Scan) -> None:
    mine, _text = create_token(user=user)
    browser = Client()
    browser.force_login(user)
    assert browser.get("/tokens/").status_code == 200
    assert browser.post(f"/tokens/{mine.pk}/revoke/").status_code == 302


def test_a_visitor_is_the_owner_of_what_they_sent(owner: Client, stranger: Client, finished: Scan) -> None:
    Video.objects.update(owner="visitor:owner-of-the-test")
    Scan.objects.update(owner="visitor:owner-of-the-test")
    Batch.objects.update(owner="visitor:owner-of-the-test")
    for name, rule in RULES.items():
        if rule.private and rule.GET == MINE:
            assert owner.get(address(name, finished)).status_code == 200, name
            assert stranger.get(address(name, finished)).status_code == 404, name
    assert owner.post(address("api:cancel", finished)).status_code == 200
    assert owner.delete(address("api:scan", finished)).status_code == 204
