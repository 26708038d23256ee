"""Fixtures for every test, and which tests run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import override_settings

from tests import audit_log
from tests.media import clips
from tests.postgresql import Server
from tests.s3 import s3_endpoint

__all__ = ["clips", "s3_endpoint"]


_NEEDS_MORE = {
    "containers": "a Docker engine",
    "webkit": "WebKit",
}  # markers, each with an option of its name


def pytest_addoption(parser: pytest.Parser) -> None:
    for marker, need in _NEEDS_MORE.items():
        parser.addoption(f"--{marker}", action="store_true", help=f"run these tests, which need {need}")


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [
        f"{marker}: included"
        if config.getoption(f"--{marker}")
        else f"{marker}: left out, they need {need}; `make test-{marker}` runs them"
        for marker, need in _NEEDS_MORE.items()
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        _longest_first(items)
    unwanted = [marker for marker in _NEEDS_MORE if not config.getoption(f"--{marker}")]
    left_out = [item for item in items if any(map(item.get_closest_marker, unwanted))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not any(map(item.get_closest_marker, unwanted))]


def _longest_first(items: list[pytest.Item]) -> None:
    """For `pytest -n 3 --dist loadfile`, which hands out whole files: none is left for the end."""
    long = {item.path for item in items if any(map(item.get_closest_marker, ("browser", "processes")))}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session", autouse=True)
def _media_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test keeps lies beside no one's real files, also where it asks for no folder of its own."""
    with override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media")):
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hashing a password is made to take long, which no test in this process is about."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def _flush_of_the_audit_log() -> Iterator[None]:
    post_migrate.connect(audit_log.empty)
    yield
    post_migrate.disconnect(audit_log.empty)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real PostgreSQL of our own, for tests that start a whole site on it."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """For analyses within the test's process: on SQLite the thread beside them leaves the database alone.

    There it lies in memory, where a second connection hears "table is locked". PostgreSQL has no such limit.
    """
    if connection.vendor == "sqlite":
        monkeypatch.setattr("ml_app.jobs.lease.Watch._beat", lambda watch: None)
