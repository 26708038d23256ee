"""docs/security.md has the access table of the tests, up to date."""

from __future__ import annotations

from tests import access_table


def test_the_document_has_the_tests_table() -> None:
    assert access_table.DOCUMENT.read_text() == access_table.document(), (
        "`.venv/bin/python -m tests.access_table` writes it anew"
    )


def test_it_tells_who_may_do_what() -> None:
    rows = [line for line in access_table.table().splitlines() if "/scans/<scan_id>/delete/" in line]
    assert len(rows) == 2
    # owner, staff, another account, another visitor, newcomer; in a team owner, viewer, analyst, …
    assert rows[0].split(" | ")[1:6] == ["GET", "200", "404", "404", "404"]
    assert rows[0].count("200") == 3
