"""Log lines that say which process wrote them and which scan they are about."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scan: ContextVar[str] = ContextVar("scan", default="")


@contextmanager
def about_scan(scan_id: str) -> Iterator[None]:
    """Every line that is logged in this block (and in threads that were given its context) names the scan."""
    token = _scan.set(scan_id)
    try:
        yield
    finally:
        _scan.reset(token)


class Formatter(logging.Formatter):
    """`time  process  LEVEL  logger: [scan id] message`. The supervisor names the process."""

    def __init__(self) -> None:
        super().__init__("{asctime} {process_name}{levelname} {name}: {scan}{message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        name = os.environ.get("SUPERVISOR_PROCESS_NAME", "")
        record.process_name = f"{name:<7} " if name else ""
        scan = _scan.get()
        record.scan = f"[scan {scan}] " if scan else ""
        return super().format(record)


class Brief(logging.Filter):
    """Leaves the message and drops the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True
