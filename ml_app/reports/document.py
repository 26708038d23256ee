"""PDF reports: made and opened in a process of their own, so that no time or memory is the web server's.

A web process makes one at a time; whoever comes meanwhile waits a little, or is told to come again.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ml_app.errors import refuse
from ml_app.reports import child, document_seal, sealing
from ml_app.reports.keys import signing_key
from ml_app.sandbox.environment import bare_environment

logger = logging.getLogger(__name__)
WALL_SECONDS = 240.0  # of one PDF, on a busy machine; its CPU time is limited in `child.py`
PATIENCE_SECONDS = 30.0  # to wait for another that is being made
_turn = threading.BoundedSemaphore(1)


def pdf_of(html: str, report: bytes) -> bytes:
    """The pages of a report as a sealed PDF/A-3a, with the sealed JSON inside.

    Args:
        html: A page that carries its styles and pictures in itself; nothing else is read.
        report: The sealed JSON that it shows.

    Raises:
        ServiceError: "pdf_busy", "pdf_unavailable" or "pdf_failed".
    """
    if not _turn.acquire(timeout=PATIENCE_SECONDS):
        raise refuse("pdf_busy")
    try:
        task = {"html": html, "attachment": report.decode(), "description": _("The signed report")}
        status, answer = _ask("make", json.dumps(task).encode())
    finally:
        _turn.release()
    if status == child.NO_LIBRARY:
        raise refuse("pdf_unavailable")
    if status != 0:
        raise refuse("pdf_failed")
    return document_seal.sealed(answer, signing_key())


@dataclass(frozen=True, slots=True)
class Examined(sealing.Checked):
    """A report in either form. `is_pdf_unchanged` is None for JSON: that has no pages."""

    is_pdf_unchanged: bool | None = None


def examine(content: bytes) -> Examined:
    """Look at the seal of a report, JSON or PDF.

    Raises:
        NoReport: It is neither; the message says why.
    """
    if not document_seal.is_pdf(content):
        return _examined(sealing.check(content), None)
    if len(content) > sealing.MOST_BYTES:
        raise sealing.NoReport(
            f"this file has {len(content):,} bytes; a report has at most {sealing.MOST_BYTES:,}"
        )
    status, report = _ask("open", content)
    if status == child.NO_ATTACHMENT:
        raise sealing.NoReport(
            f"this PDF has no {child.ATTACHMENT} attached; ask for the file as it was saved"
        )
    if status != 0:
        raise sealing.NoReport("this PDF cannot be read")
    checked = sealing.check(report)
    return _examined(checked, document_seal.holds(content, checked.public_key))


def _examined(checked: sealing.Checked, pdf: bool | None) -> Examined:
    return Examined(checked.is_unchanged, checked.public_key, checked.report, pdf)


def _ask(what: str, given: bytes) -> tuple[int, bytes]:
    """The exit status of the child, and what it answered."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ml_app.reports.child", what],
            input=given,
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
            env=bare_environment(HOME="/tmp"),  # noqa: S108 - writes nothing
        )
    except subprocess.TimeoutExpired:
        logger.warning("a report took longer than %.0f s", WALL_SECONDS)
        return -1, b""
    except OSError as error:
        logger.warning("no process for a report can be started: %s", error.strerror)
        return -1, b""
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        logger.warning("a report ended with status %d: %s", done.returncode, said[:300])
    return done.returncode, done.stdout
