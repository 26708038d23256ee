"""Those who ask, and how they ask: as programs with tokens and as browsers with cookies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ml_app.models import Scan
from ml_app.services.tokens import create_token
from tests.api.receiver import Receiver
from tests.api.server import Server
from tests.factories import ScanFactory, UserFactory, add_face
from tests.jobs.conftest import migrated, random_models, static_files
from tests.media import make_clip
from tests.web.conftest import _site, newcomer, owner, standard_models, stranger

__all__ = ["_site", "newcomer", "owner", "standard_models", "stranger"]
__all__ += ["migrated", "random_models", "static_files"]

SCANS = "/api/v1/scans"


def program(user: User, scope: str = "write") -> Client:
    """A program that shows a token of this account, and no cookie."""
    _row, text = create_token(user=user, scope=scope)
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {text}"})


def send(client: Client, path: Path, *, to: str = SCANS, field: str = "file", **fields: Any) -> Any:
    """Post a file; keyword `headers` are headers."""
    headers = fields.pop("headers", {})
    file = SimpleUploadedFile(path.name, path.read_bytes(), content_type="video/mp4")
    return client.post(to, {field: file, **fields}, headers=headers)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that a response must be."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["title"] and found["detail"] and found["type"]
    return found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path, static_files: Path) -> Iterator[Server]:
    """A site of our own, without a worker until a test starts one."""
    made = Server(tmp_path_factory.mktemp("api-site"), migrated, static_files)
    yield made
    made.site.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with one person."""
    return make_clip(tmp_path_factory.mktemp("api-clips") / "talk.mp4", seconds=2, size=(320, 240), fps=10)


@pytest.fixture
def user(db: None) -> User:
    return UserFactory()


@pytest.fixture
def ours(user: User) -> Client:
    """A program of the account `user`."""
    return program(user)


@pytest.fixture
def theirs(db: None) -> Client:
    """A program of another account."""
    return program(UserFactory())


@pytest.fixture
def staff(db: None) -> Client:
    """A program of a superuser."""
    return program(UserFactory(is_staff=True, is_superuser=True))


@pytest.fixture
def nobody(db: None) -> Client:
    """A program that shows nothing."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def finished(user: User) -> Scan:
    """A finished scan of `user` with two persons."""
    scan = ScanFactory(video__owner=f"user:{user.pk}", video__original_name="speech.mp4", done=True)
    add_face(scan, number=1, level=0.93, frames=5)
    add_face(scan, number=2, level=0.2, frames=3)
    return scan


@pytest.fixture
def waiting(user: User) -> Scan:
    """A waiting scan of `user`."""
    return ScanFactory(video__owner=f"user:{user.pk}")


@pytest.fixture(autouse=True)
def _nobody_waits(settings: Any) -> None:
    """No worker is there, so the aliases need not wait for one."""
    settings.API_ALIAS_WAIT_SECONDS = 0


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = ["127.0.0.1/32"]
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()
