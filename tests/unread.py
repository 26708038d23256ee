"""A request body that must not be read before the answer is out."""

from __future__ import annotations

from typing import Any

from django.core.signals import request_finished


class UnreadBody:
    """A request body that fails the test when it is read before the answer is out."""

    def __init__(self) -> None:
        self.pieces, self.is_answered = [b"video"] * 3, False
        request_finished.connect(self.answered)  # heard as long as this lives

    def answered(self, **kwargs: Any) -> None:
        self.is_answered = True

    def read(self, *args: Any) -> bytes:
        assert self.is_answered, "the body was read first"
        return self.pieces.pop() if self.pieces else b""

    readline = read
