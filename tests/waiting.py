"""How tests wait: for the very thing that they read, with as much patience as a busy machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 400.0  # seconds until whoever waits gives up


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE, pause: float = 0.02) -> Any:
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    raise AssertionError(f"Not within {seconds:g} s: {what}")
