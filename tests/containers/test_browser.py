"""The browser test of an upload, through nginx and with the containers' workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.conftest import PASSWORD, REVIEWER
from tests.browser.test_upload_to_verdict import complaints, new_context, test_from_upload_to_deletion
from tests.containers.stack import Stack

__all__ = ["complaints", "new_context", "test_from_upload_to_deletion"]
pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def reviewer(stack: Stack) -> Iterator[None]:
    """The account that the test logs in with at the review desk."""
    stack.make_account(REVIEWER, PASSWORD)
    yield
    stack.sql(f"update auth_user set is_active = false where username = '{REVIEWER}'")
