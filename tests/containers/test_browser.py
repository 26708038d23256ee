"""The browser test of an upload, through nginx and with the containers' workers."""

from __future__ import annotations

import pytest

from tests.browser.test_upload_to_verdict import complaints, new_context, test_from_upload_to_deletion

__all__ = ["complaints", "new_context", "test_from_upload_to_deletion"]
pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]
