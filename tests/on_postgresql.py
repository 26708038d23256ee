"""`pytest -p tests.on_postgresql`: the tests to which the database matters, on PostgreSQL, not on SQLite."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

from tests.postgresql import Server

_SERVER = pytest.StashKey[Server]()
_DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


@pytest.hookimpl(wrapper=True)  # before the settings are read
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    if "PYTEST_XDIST_WORKER" in os.environ:  # its database lies on the server of who started it
        return (yield)
    server = early_config.stash[_SERVER] = Server()
    # Or the connection of a thread would hold the database when it is to be dropped.
    os.environ["DATABASE_URL"] = server.url() + "&CONN_MAX_AGE=0"
    return (yield)


def pytest_report_header(config: pytest.Config) -> str:
    server = config.stash.get(_SERVER, None)  # of a process that was handed tests: it tells nothing
    return f"database: PostgreSQL {server.version()}" if server else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what another database does not change: what never asks it, and how pages look."""
    chosen = [item for item in items if _depends_on_the_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def _depends_on_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("layout"):  # what the pages say is asked by the other tests of them, here too
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(fixtures & _DATABASE_FIXTURES) or item.get_closest_marker("django_db") is not None


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()
