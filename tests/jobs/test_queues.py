"""A visitor is not kept waiting by a batch, on each broker; and a hanging analysis is ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import Site

pytestmark = pytest.mark.processes


@pytest.fixture(params=["embedded", "redis"])
def site(request: pytest.FixtureRequest, new_site: Callable[..., Site]) -> Site:
    if request.param == "embedded":
        return new_site()
    return new_site(CELERY_BROKER_URL=request.getfixturevalue("redis_url"))


def test_a_batch_delays_no_visitor(site: Site, clip: Path) -> None:
    batch = []
    for number in range(4):
        video = site.do("upload", str(clip), f"local:{number}")
        batch.append(site.do("order", video, 10, "batch"))
    visitor = site.do("order", site.do("upload", str(clip), "visitor:a"), 10)
    site.worker()  # finds all five messages
    for scan in (visitor, *batch):
        assert site.until(scan, status="done")["attempts"] == 1
    served = site.do("started", visitor)
    later = [scan for scan in batch if site.do("started", scan) > served]
    assert len(later) >= 3, "the visitor came last and was served first"


def test_a_scan_that_takes_too_long_is_stopped(new_site: Callable[..., Site], clip: Path) -> None:
    site = new_site(MAX_SCAN_MINUTES="0.002")
    scan = site.do("order", site.do("upload", str(clip), "visitor:a"), 20)
    worker = site.worker()
    row = site.until(scan, status="failed")
    assert (row["error_code"], row["attempts"]) == ("scan_timeout", 1)
    assert worker.poll() is None, "the worker goes on"
