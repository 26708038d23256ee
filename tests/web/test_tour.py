"""The newcomer's tour: three steps where there is nothing yet, put away by a link and remembered."""

from __future__ import annotations

import pytest
from django.test import Client

from ml_app.models import Scan
from tests.factories import UserFactory

TITLE = "Three things to know"


@pytest.mark.parametrize("address", ["/", "/scans/"])
def test_a_newcomer_sees_it_until_it_is_put_away(newcomer: Client, address: str) -> None:
    page = newcomer.get(address).content.decode()
    assert page.count('<section class="tour"') == 1
    assert page.count("<li>", page.index(TITLE), page.index("</ol>", page.index(TITLE))) == 3
    assert "sessionid" not in newcomer.cookies
    away = newcomer.get(f"/tour/?next={address}")
    assert away["Location"] == address
    assert newcomer.cookies["tour"].value == "hidden"
    assert newcomer.cookies["tour"]["httponly"]
    without = newcomer.get(address).content.decode()
    assert TITLE not in without
    assert 'href="/example/"' in without  # the example stays
    newcomer.get("/tour/?show&next=/")
    assert TITLE in newcomer.get(address).content.decode()


def test_who_has_scans_is_no_newcomer(owner: Client, done: Scan) -> None:
    for address in ("/", "/scans/"):
        assert TITLE not in owner.get(address).content.decode()


def test_with_an_account_findings_belong_to_it(newcomer: Client, db: None) -> None:
    newcomer.force_login(UserFactory())
    assert "They belong to your account" in newcomer.get("/scans/").content.decode()


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example/", ""])
def test_it_leads_nowhere_else(newcomer: Client, db: None, next_page: str) -> None:
    assert newcomer.get("/tour/", {"next": next_page})["Location"] == "/"
