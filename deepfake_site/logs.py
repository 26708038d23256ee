"""Log lines that say which process wrote them, for which request, and which scan they are about."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_scan: ContextVar[str] = ContextVar("scan", default="")
_request: ContextVar[str] = ContextVar("request", default="")


@contextmanager
def about_scan(scan_id: str) -> Iterator[None]:
    """Every line that is logged in this block (and in threads that were given its context) names the scan."""
    token = _scan.set(scan_id)
    try:
        yield
    finally:
        _scan.reset(token)


@contextmanager
def about_request(request_id: str) -> Iterator[None]:
    """Every line that is logged in this block was caused by this request."""
    token = _request.set(request_id)
    try:
        yield
    finally:
        _request.reset(token)


def request_id() -> str:
    """The request that this thread, or the worker's scan, goes back to; empty if there is none."""
    return _request.get()


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


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, pid, and where there is one process (as the
    supervisor names it), request, scan and exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            "process": os.environ.get("SUPERVISOR_PROCESS_NAME", ""),
            "request": _request.get(),
            "scan": _scan.get(),
            "exception": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({name: value for name, value in line.items() if value}, ensure_ascii=False)


FORMATTERS = {"plain": "deepfake_site.logs.Formatter", "json": "deepfake_site.logs.JsonFormatter"}


class Brief(logging.Filter):
    """Leaves the message and drops the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True
