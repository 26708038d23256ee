"""A database of before teams, with scans in it, is brought up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import Server

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_scans_of_before_teams_stay_their_owners(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    if engine == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.url(server.new_database())
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DATA_DIR": str(tmp_path / "var"),
        "DJANGO_SETTINGS_MODULE": "deepfake_site.settings",
    }
    run = subprocess.run(
        [sys.executable, "-m", "tests.models.upgrading"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.strip().endswith("upgraded"), run.stderr[-3000:]
