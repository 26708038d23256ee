"""A backup is made while the site is there, and put back in its place, on SQLite and on PostgreSQL."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import PYTHON, ROOT, Site
from tests.media import make_clip

pytestmark = pytest.mark.processes


def manage(site: Site, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def media_of(site: Site) -> dict[str, bytes]:
    files = (path for path in site.media.rglob("*") if path.is_file())
    return {path.relative_to(site.media).as_posix(): path.read_bytes() for path in files}


def test_a_backup_brings_back_what_was_there(site_of_each: Site, clip: Path, tmp_path: Path) -> None:
    site = site_of_each
    scan = site.do("order", site.do("upload", str(clip), "visitor:a"), 10)
    before = media_of(site)
    key = Path(site.environment["DATA_DIR"]) / "secret_key"
    secret = key.read_text()
    file = tmp_path / "backup.tar"
    done = manage(site, "backup", file)
    assert done.returncode == 0, done.stderr
    assert "1 videos, 1 scans, 1 media files" in done.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert manage(site, "backup", file).returncode != 0, "no backup is written over another"

    site.do("cancel", scan)
    later = make_clip(tmp_path / "later.mp4", seconds=1)
    site.do("upload", str(later), "visitor:b")
    key.write_text("another key that is long enough to be one")
    refused = manage(site, "restore", file)
    assert "--replace deletes them" in refused.stderr
    assert site.do("videos") == 2

    site.leave()
    restored = manage(site, "restore", file, "--replace")
    assert restored.returncode == 0, restored.stderr
    assert "Restored 1 videos and 1 scans" in restored.stdout
    assert site.do("videos") == 1
    assert site.do("row", scan)["status"] == "queued"
    assert media_of(site) == before
    assert key.read_text() == secret
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    site.sweeper()
    site.worker()
    site.until(scan, status="done")


def test_what_is_no_backup_touches_nothing(new_site: Callable[..., Site], clip: Path, tmp_path: Path) -> None:
    site = new_site()
    site.do("upload", str(clip), "visitor:a")
    file = tmp_path / "backup.tar"
    assert manage(site, "backup", file).returncode == 0
    whole = file.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as a backup" in manage(site, "restore", cut, "--replace").stderr
    cut.write_text("no backup at all")
    assert "cannot be read as a backup" in manage(site, "restore", cut, "--replace").stderr
    other = tmp_path / "other.tar"
    with tarfile.open(file) as old, tarfile.open(other, "w") as new:
        for entry in old.getmembers():
            content = old.extractfile(entry)
            assert content is not None
            data = content.read()
            if entry.name == "manifest.json":
                data = json.dumps(json.loads(data) | {"database": "postgresql"}).encode()
                entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    assert "The backup is of postgresql" in manage(site, "restore", other, "--replace").stderr
    for strange in ("../../outside", "/tmp/outside", "media/videos/link"):
        with tarfile.open(file) as old, tarfile.open(other, "w") as new:
            for entry in old.getmembers():
                new.addfile(entry, old.extractfile(entry))
            added = tarfile.TarInfo(strange)
            added.type, added.linkname = (tarfile.SYMTYPE, "/etc/passwd") if "link" in strange else (b"0", "")
            new.addfile(added)
        assert "which no backup of this site does" in manage(site, "restore", other, "--replace").stderr
    assert site.do("videos") == 1
