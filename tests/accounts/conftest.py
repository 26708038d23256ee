"""A site that keeps its files in a folder of the test, accounts with passwords, and whoever comes to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import UserFactory
from tests.web.conftest import _site, done, newcomer, owner, staff, standard_models, stranger

__all__ = ["_site", "done", "newcomer", "owner", "staff", "standard_models", "stranger"]
PASSWORD = "a long enough sentence"


def make_user(username: str = "anna", **values: Any) -> User:
    """An account as an operator makes it: with a password, without an address to confirm."""
    user: User = UserFactory(username=username, **values)
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, login: str = "anna", password: str = PASSWORD, **values: Any) -> Any:
    return client.post("/accounts/login/", {"login": login, "password": password, **values})


@pytest.fixture
def anna(db: None) -> User:
    return make_user()
