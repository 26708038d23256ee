"""A worker is seen while it lives, and missed when it has gone."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.jobs.site import Site, wait_for

pytestmark = pytest.mark.processes


def test_a_worker_is_seen_until_it_ends(new_site: Callable[..., Site]) -> None:
    site = new_site()
    assert site.do("workers") == []
    first = site.worker()
    name = wait_for(lambda: site.do("workers"), "the worker is seen", 60, pause=0.2)[0]
    assert name.endswith(f":{first.pid}")
    first.send_signal(signal.SIGTERM)
    first.wait()
    assert site.do("workers") == [], "who ends takes their leave"
    second = site.worker()
    wait_for(lambda: site.do("workers"), "another is seen", 60, pause=0.2)
    second.kill()
    second.wait()
    assert len(site.do("workers")) == 1, "who is killed cannot; a minute later the row does not count"
