"""A whole site as `make run` starts it, and a Chromium to look at it."""

from __future__ import annotations

import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import FLAGS, find_chromium
from tests.jobs.conftest import migrated, random_models, static_files
from tests.jobs.site import Site, free_port
from tests.waiting import PATIENCE, wait_for

__all__ = ["migrated", "random_models", "static_files"]

REVIEWER, PASSWORD = "reviewer", "correct horse battery staple"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=60_000)  # milliseconds: a busy machine takes its time
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


def start(site: Site) -> tuple[subprocess.Popen[bytes], str]:
    """Start a migrated site as `make run` does, with a reviewer's account. Its process and its address."""
    port = free_port()
    site.environment |= {"HOST": "127.0.0.1", "PORT": str(port), "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    site.manage("createsuperuser", "--noinput", "--username", REVIEWER, "--email", "")
    process = site.start("run", "manage.py", "run")
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: _answers(url, process.poll()), f"the site answers\n{site.log('run')}", pause=0.2)
    return process, url


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, random_models: Path, migrated: Path, static_files: Path
) -> Iterator[str]:
    """Where a site of our own answers: web server, worker and sweeper, with random weights."""
    options = {"DETECTOR": "random-torch", "MAX_UPLOAD_MB": "3", "LEASE_SECONDS": "30"}
    folder = tmp_path_factory.mktemp("browser-site")
    site = Site(folder, random_models, STATIC_ROOT=str(static_files), **options)
    site.take_database(migrated)
    process = None
    try:
        process, url = start(site)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        site.close()


def _answers(url: str, status: int | None) -> bool:
    assert status is None, f"`manage.py run` ended with {status}"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
