"""Disks without room, as real file systems: of the media, and of the database."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.site import PYTHON, ROOT, Site, free_port
from tests.jobs.test_twice_at_once import files, serve

pytestmark = pytest.mark.processes


@pytest.fixture
def mount(new_site: object) -> Iterator[Callable[[Path, str], None]]:
    """Puts a file system of a given size over a folder. Where nobody may mount one, pages/ has a stand-in."""
    mounted: list[Path] = []

    def put(folder: Path, size: str) -> None:
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.skip(f"no file system can be mounted here: {result.stderr.strip()}")
        mounted.append(folder)

    yield put
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until there is no room left."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return path


def test_full_disks(
    new_site: Callable[..., Site],
    migrated: Path,
    static_files: Path,
    clip: Path,
    mount: Callable[[Path, str], None],
) -> None:
    site = new_site(STATIC_ROOT=str(static_files))
    var = site.folder / "var"
    mount(var, "4m")
    mount(site.media, "2m")
    shutil.copy(migrated, var / "db.sqlite3")
    browser = serve(site, free_port())
    content = clip.read_bytes()
    assert len(content) < 2**20

    status, _, page = browser.post(content + bytes(3 * 2**20))
    assert status == 507
    assert "There is no room for the file on this server" in page
    assert (site.do("videos"), files(site)) == (0, [])

    filler = fill(var)
    status, _, page = browser.post(content)
    assert status == 507
    assert "no room left for the site" in page
    assert "<h1>" in page
    assert "OperationalError" not in page
    assert (site.do("videos"), files(site)) == (0, [])
    assert browser.get("/about/")[0] == 200, "what only reads goes on"

    command = [PYTHON, "manage.py", "analyze", str(clip), "--frames=10", "--save"]
    done = subprocess.run(
        command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False
    )
    assert "Not saved, because of the site's database" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert (site.do("videos"), files(site)) == (0, [])

    filler.unlink()
    status, place, _ = browser.post(content)
    assert (status, place[:7]) == (302, "/scans/")
    assert site.do("videos") == 1
