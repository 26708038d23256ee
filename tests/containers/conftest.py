"""One stack for all tests of this folder. They run in the order in which they stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import browser
from tests.containers.stack import NoEngineError, Stack, find_engine, stack_from_nothing
from tests.containers.visitor import Visitor
from tests.media import make_clip

__all__ = ["browser"]


@pytest.fixture(scope="session")
def engine() -> None:
    try:
        find_engine()
    except NoEngineError as error:
        pytest.exit(str(error), returncode=3)


@pytest.fixture(scope="session")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation from nothing: built, started, and removed with all its volumes.

    KEEP_STACK=folder keeps it running, and uses the one that an earlier run has kept: for work on the tests.
    """
    # Several kills may hit the same scan.
    settings = {"MAX_UPLOAD_MB": "2100", "LEASE_SECONDS": "10", "MAX_ATTEMPTS": "10"}
    kept = os.environ.get("KEEP_STACK", "")
    if kept:
        stack = Stack(Path(kept), **settings)
        stack.up()
        yield stack
        return
    with stack_from_nothing(tmp_path_factory.mktemp("stack"), **settings) as stack:
        yield stack


@pytest.fixture(scope="session")
def address(stack: Stack) -> str:
    return stack.address


@pytest.fixture
def visitor(stack: Stack, tmp_path: Path) -> Callable[..., Visitor]:
    """Makes people: `visitor("anna")`, with options for curl."""

    def make(name: str, *options: str, address: str = "") -> Visitor:
        return Visitor(address or stack.address, tmp_path, name, *options)

    return make


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person, three seconds."""
    folder = tmp_path_factory.mktemp("containers-clip")
    return make_clip(folder / "person.mp4", seconds=3, people=1, size=(480, 270), fps=10)
