"""Workers are killed in the middle of each stage, ten times in all: no scan is lost, none is doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import Site
from tests.waiting import wait_for

pytestmark = pytest.mark.processes

EMBEDDED = [("probe", "faces"), ("network", "explain"), ("explain", "network")]
REDIS = [("faces", "probe"), ("network", "explain")]
# Two of three attempts are killed: the last must not be taken from a worker that a busy machine keeps from
# being heard of for as long as other tests allow.
LEASE = "6"
FRAMES = 40  # all that the clip has: with few, the network's stage would be over before a kill


@pytest.fixture(params=["embedded", "redis-postgresql"])
def site(request: pytest.FixtureRequest, new_site: Callable[..., Site]) -> Site:
    if request.param == "embedded":
        return new_site(DETECTOR="random-torch", LEASE_SECONDS=LEASE)
    return new_site(
        DETECTOR="random-torch",
        LEASE_SECONDS=LEASE,
        CELERY_BROKER_URL=request.getfixturevalue("redis_url"),
        DATABASE_URL=request.getfixturevalue("new_database")(),
    )


def test_kill_in_every_stage(site: Site, clip: Path) -> None:
    kills = EMBEDDED if "CELERY_BROKER_URL" not in site.environment else REDIS
    sweeper = site.sweeper()
    workers = {process.pid: process for process in (site.worker(), site.worker())}
    for number, stages in enumerate(kills):
        video = site.do("upload", str(clip), f"visitor:{number}")
        scan = site.do("order", video, FRAMES)
        for attempt, stage in enumerate(stages, start=1):
            row = site.until(scan, status="running", stage=stage, attempts=attempt)
            pid = int(row["worker"].split(":")[1])
            os.kill(pid, signal.SIGKILL)
            workers.pop(pid).wait()
            assert site.do("row", scan)["status"] == "running", "killed too late to be in the middle"
            replacement = site.worker()
            workers[replacement.pid] = replacement
        _is_done_once(site, scan, attempts=len(stages) + 1)
    assert site.do("sweep") == {"expired": 0, "sent": 0, "files": 0}
    for worker in workers.values():
        worker.kill()
        worker.wait()
    # What a worker started for itself (decoding, looking for faces) does not outlive it.
    wait_for(lambda: site.processes() == {sweeper.pid}, "no process is left", pause=0.2)


def _is_done_once(site: Site, scan: str, *, attempts: int) -> None:
    row = site.until(scan, status="done")
    assert row["attempts"] == attempts
    assert row["verdict"]
    found = site.do("faces", scan)
    assert found["numbers"] == [1, 2]
    assert found["frames"] == 2 * FRAMES
    assert found["on_disk"] == found["named"]
    assert len(found["named"]) >= found["frames"]
    site.told("worker", f"[scan {scan}] Done")
