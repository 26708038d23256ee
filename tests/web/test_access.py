"""Who may do what, for every address that the site has: an address without a rule here fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse

from ml_app.models import (
    EXAMPLE,
    ApiToken,
    Batch,
    BatchItem,
    FaceFrame,
    Membership,
    Review,
    ReviewCase,
    Role,
    Scan,
    Team,
    Video,
)
from ml_app.services.intake.example import clip_sha256
from ml_app.services.tokens import create_token
from ml_app.web.views.probes import PROBES
from tests.access_rules import IN_TEAM, METHODS, WHO, arguments, patterns, same, undone
from tests.factories import MembershipFactory, ScanFactory, TeamFactory, UserFactory, give_to_team
from tests.web.account_rules import ACCOUNT_VALUES
from tests.web.page_rules import RULES

PROBE_RULES = {"/healthz": same(200), "/readyz": None, "/metrics": None}  # see tests/web/test_probes.py
# The admin is for staff, with these exceptions.
ADMIN_OPEN = {"admin:login", "admin:logout", "admin:jsi18n"}


# Those of the API have a table of their own: tests/api/test_access.py.
OURS = [name for name, _ in patterns() if not name.startswith(("admin:", "api:"))]


@pytest.fixture
def account(db: None) -> Client:
    """Somebody with an account who is not staff."""
    client = Client()
    client.force_login(UserFactory())
    return client


@pytest.fixture
def clients(
    owner: Client, staff: Client, account: Client, stranger: Client, newcomer: Client
) -> list[Client]:
    return [owner, staff, account, stranger, newcomer]


@pytest.fixture
def members(done: Scan, staff: Client) -> list[Client]:
    """Those of `IN_TEAM`, once the scan and what hangs on it was given to a team."""
    batch_with(done)
    people = give_to_team(done)
    made = [Client() for _ in IN_TEAM]
    for client, who in zip(made, IN_TEAM, strict=True):
        client.force_login(people[who])
    return made


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


def address(name: str, scan: Scan) -> str:
    way = dict(patterns())[name]
    if name == "ml_app:example":  # is there already, or each who asks would have it made
        seen = {"video__owner": EXAMPLE, "video__sha256": clip_sha256(), "detector_version": "1"}
        ScanFactory(**seen, done=True)
    frame = FaceFrame.objects.filter(face__scan=scan).exclude(heatmap="").first()
    assert frame is not None
    values = {
        "scan_id": scan.pk,
        "video_id": scan.video_id,
        "frame_id": frame.pk,
        "batch_id": batch_with(scan).pk,
        "invitation_id": 1,
        "filter_id": 1,
        "watch_id": 1,
        "token": "1:x",
        **of_team(scan),
        "secret": "x" * 43,
        **ACCOUNT_VALUES,
    }
    return reverse(name, kwargs={key: values[key] for key in arguments(way)})


def batch_with(scan: Scan) -> Batch:
    """The batch that the scan belongs to."""
    known = Batch.objects.filter(items__scan=scan).first() or Batch.objects.first()
    if known is not None:
        return known
    made = Batch.objects.create(
        owner=scan.owner,
        team=scan.team,
        name=scan.video.original_name,
        frame_count=20,
        detector_name=scan.detector_name,
    )
    BatchItem.objects.create(
        batch=made, number=1, name=scan.video.original_name, scan=scan, ordered_at=scan.created_at
    )
    return made


def of_team(scan: Scan) -> dict[str, Any]:
    """The team that the scan was given to, or some other, and a viewer of it."""
    team = scan.team or Team.objects.first() or TeamFactory()
    viewers = Membership.objects.filter(team=team, role=Role.VIEWER)
    member = viewers.first() or MembershipFactory(team=team, role=Role.VIEWER)
    token = ApiToken.objects.filter(user=member.user).first()
    token = token or create_token(user=member.user)[0]
    return {"team_id": team.pk, "member_id": member.pk, "token_id": token.pk}


def missing_one(url: str, scan: Scan) -> str:
    """The same address of something that there is not."""
    for found, none in ((scan.pk, 1), (scan.video_id, 2), (batch_with(scan).pk, 3)):
        url = url.replace(str(found), str(UUID(int=none)))
    return url.replace(f"/teams/{of_team(scan)['team_id']}/", "/teams/0/")


def everything() -> tuple[Any, ...]:
    """All that a stranger could change."""
    rows = [
        list(model.objects.order_by("pk").values())
        for model in (Video, Scan, FaceFrame, Review, ReviewCase, Batch, BatchItem, Team, Membership)
    ]
    return (*rows, sorted(Path(settings.MEDIA_ROOT).rglob("*")))


def test_every_address_has_a_rule() -> None:
    assert set(OURS) == set(RULES)
    assert set(PROBES) == set(PROBE_RULES)


def test_django_serves_nothing_beside_them(staff: Client) -> None:
    """Neither media nor static files of a development server have an address."""
    prefixes = {str(pattern.pattern) for pattern in get_resolver().url_patterns}
    assert prefixes == {"admin/", "", "accounts/"}
    assert staff.get("/media/incoming/x").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", OURS)
def test_each_gets_what_the_rule_says(name: str, method: str, clients: list[Client], done: Scan) -> None:
    url, expected = address(name, done), getattr(RULES[name], method)
    data = {"frame_count": 20} if name == "ml_app:scan_again" and method == "POST" else {}
    found = {}
    for who, client in zip(WHO, clients, strict=True):
        with undone():
            response = client.generic(method, url) if not data else client.post(url, data)
        found[who] = response.status_code
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]
        if RULES[name].private and response.status_code == 200:
            assert re.search("private|no-store", response["Cache-Control"])
    assert found == dict(zip(WHO, expected, strict=True))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", OURS)
def test_in_a_team_each_gets_what_the_rule_says(
    name: str, method: str, members: list[Client], done: Scan
) -> None:
    url = address(name, done)
    data = {"frame_count": 20} if name == "ml_app:scan_again" and method == "POST" else {}
    found = {}
    for who, client in zip(IN_TEAM, members, strict=True):
        with undone():
            response = client.generic(method, url) if not data else client.post(url, data)
        found[who] = response.status_code
    assert found == dict(zip(IN_TEAM, RULES[name].of_team(method), strict=True))


def test_what_belongs_to_somebody_has_a_rule_for_teams() -> None:
    for name, rule in RULES.items():
        assert not rule.private or set(rule.in_team) == {"GET", "POST"}, name


@pytest.mark.parametrize("name", [name for name in OURS if RULES[name].private])
def test_to_others_it_looks_as_if_it_did_not_exist(name: str, clients: list[Client], done: Scan) -> None:
    url = address(name, done)
    missing = missing_one(url, done)
    before = everything()
    for client in clients[2:]:
        for method in METHODS:
            response, none = client.generic(method, url), client.generic(method, missing)
            assert response.status_code in (404, 405), method
            assert (response.status_code, response.content) == (none.status_code, none.content), method
            assert done.video.original_name not in response.content.decode()
            assert "X-Accel-Redirect" not in response
    assert everything() == before


@pytest.mark.parametrize("name", [name for name in OURS if RULES[name].private])
def test_to_another_team_it_looks_as_if_it_did_not_exist(
    name: str, members: list[Client], clients: list[Client], done: Scan
) -> None:
    url = address(name, done)
    missing = missing_one(url, done)
    before = everything()
    for client in (members[-1], clients[0], *clients[2:]):  # the visitor whose it was is nobody here
        for method in METHODS:
            response, none = client.generic(method, url), client.generic(method, missing)
            assert (response.status_code, response.content) == (none.status_code, none.content), method
            assert response.status_code in (404, 405), method
    assert everything() == before


def test_a_teams_history_is_its_members(members: list[Client], done: Scan, staff: Client) -> None:
    done.refresh_from_db()
    for query, expected in (
        (f"whose={done.team_id}", [True] * 5 + [False]),
        ("whose=all", [True] * 5 + [False]),
        ("", [True] + [False] * 5),
    ):
        pages = [client.get(f"/scans/?{query}").content.decode() for client in members]
        assert [f"/scans/{done.pk}/" in page for page in pages] == expected, query
    assert f"/scans/{done.pk}/" in staff.get("/scans/?whose=all").content.decode()


def test_a_history_is_ones_own(clients: list[Client], done: Scan) -> None:
    shown = [f"/scans/{done.pk}/" in client.get("/scans/").content.decode() for client in clients]
    assert shown == [True, False, False, False, False], "staff have the review desk for all"


@pytest.mark.parametrize("name", [name for name, _ in patterns() if name.startswith("admin:")])
def test_the_admin_is_for_staff(
    name: str, clients: list[Client], members: list[Client], staff: Client, done: Scan
) -> None:
    way = dict(patterns())[name]
    values = {"object_id": done.pk, "app_label": "ml_app", "url": "nothing/", "content_type_id": 1, "id": 1}
    if way[-1].name is None:  # what catches all the rest
        url = "/admin/nothing/"
    else:
        url = reverse(name, kwargs={key: values[key] for key in arguments(way)})
    administrator = members[IN_TEAM.index("administrator")]
    others = [*(client for client in clients if client is not staff), administrator]
    for client in others:
        for method in ("GET", "POST"):
            response = client.generic(method, url)
            if name in ADMIN_OPEN:
                assert response.status_code < 400
            else:
                assert response.status_code in (302, 403), method
                assert done.video.original_name not in response.content.decode()
                if response.status_code == 302:
                    assert response["Location"].startswith("/admin/login/")


def test_a_form_without_its_token_is_refused(done: Scan) -> None:
    """Another site cannot let a browser cancel or delete what is its visitor's."""
    client = Client(enforce_csrf_checks=True)
    take_nothing = ("ml_app:too_large", "ml_app:share", "ml_app:stop_mail")
    for name in [name for name in OURS if 405 not in RULES[name].POST and name not in take_nothing]:
        assert client.post(address(name, done)).status_code == 403, name
