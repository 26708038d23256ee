"""A worker is seen while it lives, and missed when it has gone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.jobs.site import Site
from tests.waiting import wait_for

pytestmark = pytest.mark.processes


def test_a_worker_is_seen_until_it_ends(new_site: Callable[..., Site]) -> None:
    site = new_site()
    assert site.do("workers") == []
    first = site.worker()
    name = wait_for(lambda: site.do("workers"), "the worker is seen", pause=0.2)[0]
    assert name.endswith(f":{first.pid}")
    assert (site.folder / "var/worker.alive").exists(), "for the health check of a container"
    first.send_signal(signal.SIGTERM)
    first.wait()
    assert site.do("workers") == [], "who ends takes their leave"
    second = site.worker()
    wait_for(lambda: site.do("workers"), "another is seen", pause=0.2)
    second.kill()
    second.wait()
    assert len(site.do("workers")) == 1, "who is killed cannot; a minute later the row does not count"


def test_all_processes_of_a_worker_stand_back(new_site: Callable[..., Site]) -> None:
    site = new_site(WORKER_NICE="1")
    nice = os.nice(0) + 1  # these tests may stand back themselves
    worker = site.worker()
    wait_for(lambda: site.do("workers"), "the worker is ready", pause=0.2)
    command = ["ps", "-o", "ni=,policy=,args=", "-g", str(worker.pid)]

    def processes() -> list[str]:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    wait_for(lambda: len(processes()) > 1, "the worker, and the processes that look for faces")
    group = processes()
    assert {tuple(line.split()[:2]) for line in group} == {(f"{nice}", "B")}, group


def test_a_sweeper_shows_that_it_lives(new_site: Callable[..., Site]) -> None:
    site = new_site()
    file = site.folder / "var/sweeper.alive"
    sweeper = site.sweeper()
    wait_for(file.exists, "the sweeper shows that it lives", pause=0.2)
    first = file.stat().st_mtime_ns
    wait_for(lambda: file.stat().st_mtime_ns > first, "and again", pause=0.2)
    sweeper.kill()
    sweeper.wait()
