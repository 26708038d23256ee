"""Who may do what over the API, for every address: one without a rule here fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ml_app.models import ApiToken, Batch, BatchItem, Delivery, FaceFrame, Review, Scan, Video, Webhook
from ml_app.services.notifications.webhooks import create_webhook
from ml_app.services.tokens import create_token
from tests.access_rules import IN_TEAM, METHODS, WHO, patterns, undone
from tests.api.api_rules import MINE, RULES
from tests.api.conftest import program
from tests.factories import give_to_team

PAGES = {"api:schema", "api:docs", "api:tokens", "api:revoke_token"}
BODIES: dict[str, Any] = {"api:reviews": {"decision": "cannot_tell"}, "api:rerun": {"frame_count": 20}}


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
    named = {name for name, way in patterns() if name.startswith("api:") and way[-1].name}
    assert named == set(RULES)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("name", RULES)
def test_each_gets_what_the_rule_says(name: str, method: str, clients: list[Client], finished: Scan) -> None:
    url, expected = address(name, finished), getattr(RULES[name], method)
    found = {}
    for who, client in zip(WHO, clients, strict=True):
        if name in PAGES:  # programs have no form's token, and here the question is another
            client.handler.enforce_csrf_checks = False
        with undone():
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


@pytest.fixture
def members(finished: Scan, batch: Batch) -> list[Client]:
    """Those of `IN_TEAM`, once the scan and what hangs on it was given to a team."""
    people = give_to_team(finished)
    return [program(people[who]) for who in IN_TEAM]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("name", RULES)
def test_in_a_team_each_gets_what_the_rule_says(
    name: str, method: str, members: list[Client], finished: Scan
) -> None:
    url, found = address(name, finished), {}
    for who, client in zip(IN_TEAM, members, strict=True):
        if name in PAGES:
            client.handler.enforce_csrf_checks = False
        with undone():
            found[who] = ask(client, method, name, url).status_code
    assert found == dict(zip(IN_TEAM, RULES[name].of_team(method), strict=True))


def test_what_belongs_to_somebody_has_a_rule_for_teams() -> None:
    for name, rule in RULES.items():
        assert not rule.private or set(rule.in_team) == {"GET", "POST", "DELETE"}, name


def test_a_teams_list_is_its_members(members: list[Client], finished: Scan) -> None:
    finished.refresh_from_db()
    url = f"/api/v1/scans?team={finished.team_id}"
    found = [client.get(url) for client in members]
    assert [response.status_code for response in found] == [200] * 5 + [422]
    assert [len(response.json()["results"]) for response in found[:5]] == [1] * 5
    assert [len(client.get("/api/v1/scans").json()["results"]) for client in members] == [1] + [0] * 5
    seen = [len(client.get("/api/v1/scans?mine=false").json()["results"]) for client in members]
    assert seen == [1] * 5 + [0]
    batches = [client.get(f"/api/v1/batches?team={finished.team_id}").status_code for client in members]
    assert batches == [200] * 5 + [422]


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
