"""The first administrator: made once, by whoever has the code, and then the page is gone."""

from __future__ import annotations

import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from ml_app.accounts.first import FirstAdministratorForm, first_code
from tests.accounts.conftest import PASSWORD, make_user

PAGE = "/accounts/first/"


@pytest.fixture(autouse=True)
def _data(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def data(**values: str) -> dict[str, str]:
    filled = {"code": first_code(), "username": "root", "email": "", "password1": PASSWORD}
    return {**filled, "password2": PASSWORD, **values}


def test_it_makes_one_and_is_gone(newcomer: Client, db: None, tmp_path: Path) -> None:
    assert "There is no administrator yet" in newcomer.get("/accounts/login/").content.decode()
    link = _printed()
    assert stat.S_IMODE((tmp_path / "first_code").stat().st_mode) == 0o600
    assert f'value="{first_code()}"' in newcomer.get(link).content.decode()
    response = newcomer.post(PAGE, data())
    assert (response.status_code, response["Location"]) == (302, "/accounts/")
    root = User.objects.get()
    assert (root.username, root.is_staff, root.is_superuser) == ("root", True, True)
    assert newcomer.get("/admin/").status_code == 200
    assert newcomer.get("/accounts/invitations/").status_code == 200
    for client in (newcomer, Client()):
        assert client.get(link).status_code == client.post(PAGE, data()).status_code == 404
    assert "There is no administrator yet" not in Client().get("/accounts/login/").content.decode()
    with pytest.raises(CommandError, match="There is an administrator already"):
        call_command("first_start")


def _printed() -> str:
    out = StringIO()
    call_command("first_start", stdout=out)
    return out.getvalue().strip()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"code": "guessed"}, "This is not the code"),
        ({"code": "geräten"}, "This is not the code"),
        ({"code": ""}, "required"),
        ({"password1": "12345678", "password2": "12345678"}, "too common"),
        ({"password2": "another"}, "match"),
        ({"username": "no spaces"}, "valid username"),
    ],
)
def test_what_is_refused(newcomer: Client, db: None, wrong: dict[str, str], words: str) -> None:
    response = newcomer.post(PAGE, data(**wrong))
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not User.objects.exists()
    assert newcomer.post(PAGE, data()).status_code == 302, "and the code is still good"


def test_of_two_at_once_one_is_the_administrator(db: None) -> None:
    first, second = FirstAdministratorForm(data()), FirstAdministratorForm(data(username="eve"))
    assert first.is_valid() and second.is_valid()
    assert first.make() is not None
    assert second.make() is None
    assert User.objects.get().username == "root"


def test_one_of_the_command_line_closes_it_too(newcomer: Client, db: None) -> None:
    make_user("somebody")
    assert newcomer.get(PAGE).status_code == 200, "an account is no administrator"
    User.objects.create_superuser("root", password=PASSWORD)
    assert newcomer.get(PAGE).status_code == 404
