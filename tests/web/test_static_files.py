"""What is collected for the pages, and what is left out because none asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all collected files, without folders."""
    root = tmp_path_factory.mktemp("static")
    storages = {"staticfiles": {"BACKEND": "deepfake_site.static_files.StaticFilesStorage"}}
    with override_settings(STATIC_ROOT=str(root), STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    return {str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file()}


def test_nothing_is_collected_that_no_page_asks_for(collected: set[str]) -> None:
    assert not [name for name in collected if ".map" in name or "/redoc/" in name]
    assert "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in collected


def test_what_pages_ask_for_is_compressed_and_nothing_else(collected: set[str]) -> None:
    compressed = {name.removesuffix(".gz") for name in collected if name.endswith(".gz")}
    sheets = {name for name in collected if name.startswith("css/site.") and name.endswith(".css")}
    assert "css/site.css" in sheets  # for nginx's own pages, which have to name it without a hash
    assert len(sheets) == 2
    assert sheets & compressed == sheets - {"css/site.css"}
