"""A host to fetch from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fetching.server import Host


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()
