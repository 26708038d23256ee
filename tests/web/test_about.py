"""/about/: what the tool cannot see."""

import json
from pathlib import Path
from typing import Any

from django.test import Client


def test_anybody_may_read_it(newcomer: Client) -> None:
    page = newcomer.get("/about/").content.decode()
    assert "Finding nothing does not prove that a video is genuine" in page
    assert "Figures by number of frames" in page
    assert 'href="/models/"' in page


def test_without_weights_it_says_so(newcomer: Client, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    assert "weights are missing" in newcomer.get("/about/").content.decode()
    (tmp_path / "standard").mkdir()
    (tmp_path / "standard" / "manifest.json").write_text(json.dumps({"format": 1}))
    assert newcomer.get("/about/").status_code == 200
