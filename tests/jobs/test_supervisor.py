"""`manage.py run`: one command starts everything, keeps it alive, and one Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import PYTHON, ROOT, Site, free_port
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.processes


def _children(pid: int) -> dict[str, int]:
    """Web, worker and sweeper by their command lines, under the supervisor that `pid` started."""
    found = {}
    lines = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in lines.splitlines()[1:]]
    supervisors = {row[0] for row in rows if row[1] == str(pid)}
    for child, parent, arguments in rows:
        for name, part in {"web": "gunicorn", "worker": "celery", "sweeper": "manage.py sweep"}.items():
            if parent in supervisors and part in arguments:
                found[name] = int(child)
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _scan_is_done(site: Site, clip: Path) -> None:
    scan = site.do("order", site.do("upload", str(clip), "visitor:a"), 10)
    assert site.until(scan, status="done")["attempts"] == 1


def test_run(new_site: Callable[..., Site], clip: Path) -> None:
    port = free_port()
    site = new_site(PORT=str(port), DJANGO_SETTINGS_MODULE="tests.jobs.settings")
    first = site.start("run", "manage.py", "run")
    wait_for(lambda: f"The site is at http://127.0.0.1:{port}" in site.log("run"), "the address is printed")
    site.told("run", "createsuperuser")
    _another_start_is_refused(site, port)
    wait_for(lambda: "ready on CPU" in site.log("run"), "the device is named")
    before = wait_for(lambda: len(c := _children(first.pid)) == 3 and c, "three programs run", pause=0.2)

    os.kill(before["worker"], signal.SIGKILL)
    wait_for(
        lambda: _children(first.pid).get("worker") not in (None, before["worker"]), "a new worker", pause=0.2
    )
    assert _children(first.pid)["web"] == before["web"], "the others go on"
    _scan_is_done(site, clip)

    running = _children(first.pid)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal sends Ctrl-C
    assert first.wait(PATIENCE) == 0
    wait_for(lambda: not any(map(_alive, running.values())), "nothing is left")
    assert "Stopped." in site.log("run")

    second = site.start("again", "manage.py", "run")
    wait_for(lambda: "The site is at" in site.log("again"), "the second start")
    running = wait_for(lambda: len(c := _children(second.pid)) == 3 and c, "three programs run", pause=0.2)
    second.kill()
    wait_for(lambda: not any(map(_alive, running.values())), "nothing outlives a killed `make run`")


def _another_start_is_refused(site: Site, port: int) -> None:
    def refusal(**environment: str) -> str:
        result = subprocess.run(
            [PYTHON, "manage.py", "run"],
            cwd=ROOT,
            env={**site.environment, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        return result.stderr

    assert "already runs" in refusal()
    assert f"Port {port} of 127.0.0.1 is taken" in refusal(DATA_DIR=str(site.folder / "other"))
    assert "must be a number" in refusal(PORT="many", DATA_DIR=str(site.folder / "other"))
    assert "cannot be used" in refusal(HOST="203.0.113.1", DATA_DIR=str(site.folder / "other"))


def test_the_web_process_starts_without_the_detector() -> None:
    """Pages must load on a machine whose torch takes seconds to import."""
    program = (
        "import sys, django; django.setup(); "
        "import deepfake_site.wsgi, deepfake_site.urls, ml_app.services, ml_app.storage.uploads; "
        "from django.urls import get_resolver; get_resolver().url_patterns; "
        "heavy = {'torch', 'torchvision', 'av', 'dlib', 'face_recognition'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "deepfake_site.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"
