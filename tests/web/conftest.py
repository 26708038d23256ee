"""Owner, stranger and staff; a site that keeps its files in a folder of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from ml_app.models import Scan
from tests.detection.conftest import write_detector
from tests.factories import ScanFactory, UserFactory, add_face

TOKEN = "owner-of-the-test"
OWNER = f"visitor:{TOKEN}"


@pytest.fixture(scope="session")
def standard_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector "standard" for two frame counts, in real checkpoint files."""
    return write_detector(tmp_path_factory.mktemp("page-models"), "standard", (20, 40))


@pytest.fixture(autouse=True)
def _site(settings: Any, tmp_path: Path, standard_models: Path) -> None:
    cache.clear()
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATIC_ROOT = tmp_path
    settings.MODELS_DIR = standard_models
    settings.DETECTOR = "standard"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


def visitor(token: str) -> Client:
    """A browser that has uploaded before."""
    client = Client()
    session = client.session
    session["visitor"] = token
    session.save()
    client.cookies["sessionid"] = session.session_key
    return client


@pytest.fixture
def owner(db: None) -> Client:
    return visitor(TOKEN)


@pytest.fixture
def stranger(db: None) -> Client:
    return visitor("somebody-else")


@pytest.fixture
def newcomer(db: None) -> Client:
    return Client()


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def done(db: None) -> Scan:
    """A finished scan of the owner's with two persons."""
    scan = ScanFactory(video__owner=OWNER, video__original_name="speech.mp4", done=True)
    add_face(scan, number=1, level=0.93, frames=10)
    add_face(scan, number=2, level=0.2, frames=4)
    return scan
