"""The broker dies again and again while a worker is busy, and comes back: the same worker goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import Site, free_port

pytestmark = pytest.mark.processes


def test_redis_restarts_during_a_scan(new_site: Callable[..., Site], clip: Path, tmp_path: Path) -> None:
    port = free_port()
    command = ["setpriv", "--pdeathsig=KILL", "redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    start = [*command, "--save", "", "--appendonly", "no"]
    broker = subprocess.Popen(start, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        site = new_site(CELERY_BROKER_URL=f"redis://127.0.0.1:{port}/0", DETECTOR="random-torch")
        worker = site.worker()
        site.sweeper()  # sends what was ordered before the broker was back
        for number in range(3):  # a worker that has connected anew before must notice it as well
            scan = site.do("order", site.do("upload", str(clip), f"visitor:{number}"), 40)
            site.until(scan, status="running")
            broker.kill()
            broker.wait()
            site.until(scan, status="done")  # and its message cannot be acknowledged
            broker = subprocess.Popen(start, cwd=tmp_path, stdout=subprocess.DEVNULL)
        scan = site.do("order", site.do("upload", str(clip), "visitor:last"), 40)
        site.until(scan, status="done")
        assert worker.poll() is None
    finally:
        broker.kill()
        broker.wait()
