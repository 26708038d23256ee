"""JSON lines that lead from a request to the worker's scan, and errors that reach a Sentry server."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from deepfake_site.request_ids import id_of
from tests.jobs.site import PYTHON, ROOT, Site

ORDER = (
    "import sys, django; django.setup(); from deepfake_site.logs import about_request; "
    "from tests.jobs.driver import upload, order\n"
    "with about_request('request-of-the-test'): print(order(upload(sys.argv[1], 'visitor:a'), 10))"
)


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.processes
def test_request_and_scan_go_through_web_and_worker(new_site: Callable[..., Site], clip: Path) -> None:
    site = new_site(LOG_FORMAT="json")
    ordered = subprocess.run(
        [PYTHON, "-c", ORDER, str(clip)],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    scan = ordered.stdout.strip()
    told = [line for line in _lines(ordered.stderr) if line["message"].startswith("Ordered")]
    assert [(line["request"], line["scan"]) for line in told] == [("request-of-the-test", scan)]
    site.worker()
    log = site.told("worker", '"Done in ')
    worker = [line for line in _lines(log[: log.rindex("\n")]) if line.get("scan") == scan]
    assert len(worker) >= 2
    assert {line["request"] for line in worker} == {"request-of-the-test"}
    assert {"time", "level", "logger", "message", "pid"} <= set(worker[0])


@pytest.mark.parametrize(
    ("behind", "given", "kept"),
    [
        (True, "0123-proxy.id", True),
        (True, 'x" , "level": "ERROR', False),
        (True, "short", False),
        (True, "", False),
        (False, "0123-proxy.id", False),
    ],
)
def test_only_a_proxys_harmless_number_is_kept(settings: Any, behind: bool, given: str, kept: bool) -> None:
    settings.BEHIND_PROXY = behind
    number = id_of(RequestFactory().get("/", headers={"X-Request-ID": given}))
    assert (number == given) is kept
    assert len(number) >= 8


FAIL = (
    "import django; django.setup(); import logging, sentry_sdk\n"
    "secret = 'visitor:secret-token'\n"
    "try: 1 / 0\n"
    "except ZeroDivisionError: logging.getLogger('ml_app').exception('It failed')\n"
    "sentry_sdk.flush(10)"
)


def _run(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"DJANGO_SETTINGS_MODULE": "deepfake_site.settings", "DATA_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **settings, **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding == "br":  # the package prefers it where it is installed
        import brotli

        return brotli.decompress(body)
    return gzip.decompress(body) if encoding == "gzip" else body


def test_errors_reach_sentry_without_local_variables(tmp_path: Path) -> None:
    received: list[bytes] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(_plain(body, self.headers.get("Content-Encoding", "")))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        done = _run(tmp_path, FAIL, SENTRY_DSN=f"http://key@127.0.0.1:{server.server_port}/1")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    told = b"".join(received)
    assert b"ZeroDivisionError" in told
    assert b"secret-token" not in told.replace(b"secret = 'visitor:secret-token'", b"")


def test_a_missing_sentry_package_is_named(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['sentry_sdk'] = None; import django; django.setup()"
    done = _run(tmp_path, hidden, SENTRY_DSN="https://key@sentry.example/1")
    assert "pip install sentry-sdk" in done.stderr
    done = _run(tmp_path, "import django; django.setup()", SENTRY_DSN="nonsense")
    assert "SENTRY_DSN is no address" in done.stderr
