"""A whole site as `make run` starts it, and a Chromium to look at it."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.jobs.conftest import random_models
from tests.jobs.site import Site, free_port, wait_for

__all__ = ["random_models"]

REVIEWER, PASSWORD = "reviewer", "correct horse battery staple"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, random_models: Path) -> Iterator[str]:
    """Where a site of our own answers: web server, worker and sweeper, with random weights."""
    port = free_port()
    site = Site(
        tmp_path_factory.mktemp("browser-site"),
        random_models,
        HOST="127.0.0.1",
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        PORT=str(port),
        MAX_UPLOAD_MB="3",
        LEASE_SECONDS="30",
    )
    site.migrate()
    site.manage("createsuperuser", "--noinput", "--username", REVIEWER, "--email", "")
    process = site.start("run", "manage.py", "run")
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(url, process.poll()), f"the site answers\n{site.log('run')}", 90, pause=0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            site.close()


def _answers(url: str, status: int | None) -> bool:
    assert status is None, f"`manage.py run` ended with {status}"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
