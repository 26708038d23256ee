"""Who may do what, for every address that the site has: an address without a rule here fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.resolvers import RoutePattern

from ml_app.models import Batch, BatchItem, FaceFrame, Review, Scan, Video
from ml_app.web.views.probes import PROBES
from tests.factories import UserFactory
from tests.web.account_rules import ACCOUNT_RULES, ACCOUNT_VALUES, WHO, Rule, same

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


READ = Rule((200, 200, 404, 404, 404), private=True)
STAFF = Rule((404, 200, 404, 404, 404))
DO = Rule((405,) * 5, POST=(302, 302, 404, 404, 404), private=True)
RULES = {
    "ml_app:upload": Rule(same(200), POST=same(422)),  # without a file
    "ml_app:order_link": Rule(same(405), POST=same(422)),  # without a link
    "ml_app:batches": Rule(same(200), POST=same(422)),  # of one's own: see test_batches.py; without a file
    "ml_app:batch": READ,
    "ml_app:batch_csv": READ,
    "ml_app:batch_json": READ,
    "ml_app:add_file": Rule(same(405), POST=(422, 404, 404, 404, 404), private=True),
    "ml_app:pause_batch": DO,
    "ml_app:resume_batch": DO,
    "ml_app:cancel_batch": DO,
    "ml_app:rerun_batch": DO,
    "ml_app:delete_batch": Rule(same(405), POST=(302, 404, 404, 404, 404), private=True),
    "ml_app:about": Rule(same(200)),
    "ml_app:models": Rule(same(200)),
    "ml_app:language": Rule(same(302)),
    "ml_app:too_large": Rule(same(413), POST=same(413)),
    "ml_app:queue": Rule(same(200)),
    "ml_app:account": Rule((302, 200, 200, 302, 302)),
    "ml_app:first": Rule(same(404), POST=same(404)),  # until there is an administrator: see test_first.py
    "ml_app:invitations": Rule((404, 200, 404, 404, 404), POST=(404, 422, 404, 404, 404)),
    "ml_app:withdraw": Rule(same(405), POST=(404, 302, 404, 404, 404)),
    "ml_app:invitation": Rule(same(404)),  # with a secret that nobody was sent: see test_invitations.py
    "ml_app:audit": STAFF,
    "ml_app:audit_csv": STAFF,
    "ml_app:manifest": Rule(same(200)),
    "ml_app:service_worker": Rule(same(200)),
    "ml_app:offline": Rule(same(200)),
    "ml_app:share": Rule(same(405), POST=same(302)),
    "ml_app:history": Rule(same(200)),  # of one's own scans: see below
    "ml_app:scan": READ,
    "ml_app:progress": READ,
    "ml_app:cancel": Rule(same(405), POST=(302, 302, 404, 404, 404), private=True),
    "ml_app:delete_scan": Rule((200, 404, 404, 404, 404), POST=(302, 404, 404, 404, 404), private=True),
    "ml_app:scan_video": READ,
    "ml_app:report": READ,
    "ml_app:report_pdf": READ,
    "ml_app:batch_report": READ,
    "ml_app:batch_report_pdf": READ,
    "ml_app:verify_report": Rule(same(200), POST=same(422)),  # without a file
    "ml_app:thumbnail": READ,
    "ml_app:heatmap": READ,
    "ml_app:video": READ,
    "ml_app:scan_again": Rule(same(405), POST=(302, 302, 404, 404, 404), private=True),
    "ml_app:delete": Rule((200, 404, 404, 404, 404), POST=(302, 404, 404, 404, 404), private=True),
}
RULES |= ACCOUNT_RULES
PROBE_RULES = {"/healthz": same(200), "/readyz": None, "/metrics": None}  # see tests/web/test_probes.py
# The admin is for staff, with these exceptions.
ADMIN_OPEN = {"admin:login", "admin:logout", "admin:jsi18n"}


def patterns(
    resolver: URLResolver | None = None, spaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[URLPattern | URLResolver, ...]]]:
    """The name of each address, and the patterns that lead to it."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            for name, way in patterns(pattern, inner):
                yield name, (pattern, *way)
        else:
            yield ":".join([*spaces, pattern.name or str(pattern.pattern)]), (pattern,)


def arguments(way: tuple[URLPattern | URLResolver, ...]) -> set[str]:
    names: set[str] = set()
    for part in way:
        found = part.pattern
        names |= set(found.converters if isinstance(found, RoutePattern) else found.regex.groupindex)  # type: ignore[union-attr]
    return names


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


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scans.enqueue", lambda **message: True)


def address(name: str, scan: Scan) -> str:
    way = dict(patterns())[name]
    frame = FaceFrame.objects.filter(face__scan=scan).exclude(heatmap="").first()
    assert frame is not None
    values = {
        "scan_id": scan.pk,
        "video_id": scan.video_id,
        "frame_id": frame.pk,
        "batch_id": batch_with(scan).pk,
        "invitation_id": 1,
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
        owner=scan.owner, name=scan.video.original_name, frame_count=20, detector_name=scan.detector_name
    )
    BatchItem.objects.create(
        batch=made, number=1, name=scan.video.original_name, scan=scan, ordered_at=scan.created_at
    )
    return made


def everything() -> tuple[Any, ...]:
    """All that a stranger could change."""
    rows = [
        list(model.objects.order_by("pk").values())
        for model in (Video, Scan, FaceFrame, Review, Batch, BatchItem)
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
    for who, client in reversed(
        list(zip(WHO, clients, strict=True))
    ):  # the owner, who may delete, comes last
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


@pytest.mark.parametrize("name", [name for name in OURS if RULES[name].private])
def test_to_others_it_looks_as_if_it_did_not_exist(name: str, clients: list[Client], done: Scan) -> None:
    url = address(name, done)
    missing = url.replace(str(done.pk), str(UUID(int=1))).replace(str(done.video_id), str(UUID(int=2)))
    missing = missing.replace(str(batch_with(done).pk), str(UUID(int=3)))
    before = everything()
    for client in clients[2:]:
        for method in METHODS:
            response, none = client.generic(method, url), client.generic(method, missing)
            assert response.status_code in (404, 405), method
            assert (response.status_code, response.content) == (none.status_code, none.content), method
            assert done.video.original_name not in response.content.decode()
            assert "X-Accel-Redirect" not in response
    assert everything() == before


def test_a_history_is_ones_own(clients: list[Client], done: Scan) -> None:
    shown = [f"/scans/{done.pk}/" in client.get("/scans/").content.decode() for client in clients]
    assert shown == [True, False, False, False, False], "staff have the review desk for all"


@pytest.mark.parametrize("name", [name for name, _ in patterns() if name.startswith("admin:")])
def test_the_admin_is_for_staff(name: str, clients: list[Client], staff: Client, done: Scan) -> None:
    way = dict(patterns())[name]
    values = {"object_id": done.pk, "app_label": "ml_app", "url": "nothing/", "content_type_id": 1, "id": 1}
    if way[-1].name is None:  # what catches all the rest
        url = "/admin/nothing/"
    else:
        url = reverse(name, kwargs={key: values[key] for key in arguments(way)})
    others = [client for client in clients if client is not staff]
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
    take_nothing = ("ml_app:too_large", "ml_app:share")
    for name in [name for name in OURS if 405 not in RULES[name].POST and name not in take_nothing]:
        assert client.post(address(name, done)).status_code == 403, name
