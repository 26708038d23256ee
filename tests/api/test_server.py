"""The real server: what the schema promises, programs at once, curl, and the client of docs/."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ml_app.services.notifications.webhooks import sign
from tests.api.receiver import Receiver
from tests.api.server import Server
from tests.jobs.site import ROOT
from tests.waiting import wait_for

pytestmark = pytest.mark.processes
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def client_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deepfake_client", ROOT / "docs" / "deepfake_client.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_server_does_what_its_schema_says(server: Server, client_module: ModuleType, clip: Path) -> None:
    """Schemathesis makes requests, right and wrong ones, from the schema that the server gives."""
    client = client_module.Client(server.url, server.token)
    scan = client.cancel(client.upload(clip, frame_count=20)["id"])["id"]
    schema = schemathesis.openapi.from_url(f"{server.url}/api/v1/schema/?format=json")
    seen: Counter[int] = Counter()
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            seen += _try_out(operation, mode, server.token, scan)
    assert len(operations) >= 20
    assert seen.total() >= 200
    assert {200, 404, 422} <= set(seen), seen
    assert "Traceback" not in server.site.log("web")
    client.delete(scan, video=True)


def _try_out(operation: Any, mode: GenerationMode, token: str, scan: str) -> Counter[int]:
    seen: Counter[int] = Counter()

    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if seen.total() % 2 and "scan_id" in case.path_parameters and case.method != "DELETE":
            case.path_parameters["scan_id"] = scan  # or every one of them were a 404
        response = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=60)
        seen[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parts
        run()
    return seen


def test_two_at_once_with_one_key_do_it_once(server: Server, client_module: ModuleType, clip: Path) -> None:
    client = client_module.Client(server.url, server.token)
    scan = client.upload(clip, frame_count=20)
    client.cancel(scan["id"])
    found: list[int] = []
    gate = threading.Barrier(4)

    def ask() -> None:
        headers = {
            "Authorization": f"Bearer {server.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "at-once",
        }
        address = f"{server.url}/api/v1/scans/{scan['id']}/rerun"
        request = urllib.request.Request(address, b'{"frame_count": 40}', headers, method="POST")
        gate.wait()
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                found.append(response.status)
        except urllib.error.HTTPError as error:
            found.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 202 in found and set(found) <= {202, 409}
    again = [row for row in client.scans(status="queued") if row["frame_count"] == 40]
    assert len(again) == 1
    client.delete(scan["id"], video=True)
    assert list(client.scans()) == []


def test_curl_as_in_the_guide(server: Server, clip: Path, tmp_path: Path) -> None:
    """The commands of docs/api.md, as they stand there."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    text = (ROOT / "docs" / "api.md").read_text()
    block = text.split("<!-- tested: curl -->")[1].split("```")[1].removeprefix("sh\n")
    script = tmp_path / "guide.sh"
    script.write_text("set -eu\n" + block)
    shutil.copy(clip, tmp_path / "clip.mp4")
    done = subprocess.run(
        ["bash", str(script)],
        cwd=tmp_path,
        env={**os.environ, "DEEPFAKE_URL": server.url, "DEEPFAKE_TOKEN": server.token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert answers[0]["status"] == "queued"
    assert answers[0]["id"] == answers[1]["id"], "the key made it one scan"


def test_a_refused_upload_is_answered_before_it_was_sent(server: Server) -> None:
    """400 MB are announced to a server that refuses the token: the answer does not wait for them."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/api/v1/scans")
    connection.putheader("Authorization", "Bearer nonsense")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(400 * 1024**2))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 401
    assert json.loads(response.read())["code"] == "bad_token"
    connection.close()


def test_the_whole_way_with_the_client(server: Server, client_module: ModuleType, clip: Path) -> None:
    """The worked example of docs/api.md: upload, wait, look, review, delete; with a real worker."""
    server.site.worker()
    server.site.sweeper()
    told = Receiver()
    client = client_module.Client(server.url, server.token)
    assert client.me()["username"] == "program"
    secret = client._post_json("webhooks", {"url": told.url})["secret"]
    ordered = client.upload(clip, frame_count=20)
    assert ordered["status"] in ("queued", "running")
    scan = client.wait(ordered["id"])
    assert scan["status"] == "done", scan
    _heard_of(told, secret, scan["id"])
    faces = client.faces(scan["id"])
    assert len(faces) == len(scan["findings"]["faces"])
    if faces:
        assert client.download(faces[0]["frames"][0]["thumbnail"])[:2] == b"\xff\xd8"
    assert client.review(scan["id"], "cannot_tell", "A test.")["reviewer"] == "program"
    with pytest.raises(client_module.ApiError) as refused:
        client.upload(Path(__file__))
    assert refused.value.code == "not_a_video"
    command = [sys.executable, str(ROOT / "docs" / "deepfake_client.py"), "--frames", "20", str(clip)]
    environment = {**os.environ, "DEEPFAKE_URL": server.url, "DEEPFAKE_TOKEN": server.token}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert (printed["verdict"], printed["sha256"]) == (scan["verdict"], scan["file"]["sha256"])
    client.delete(scan["id"], video=True)
    assert list(client.scans()) == []


def _heard_of(told: Receiver, secret: str, scan: str) -> None:
    """The sweeper noted the end of the scan, and the worker told the webhook of it, signed."""
    wait_for(lambda: told.heard, "the webhook is told", pause=0.1)
    _path, headers, body = told.heard[0]
    assert json.loads(body)["data"]["scan"] == scan
    signed = sign(
        secret, message_id=headers["Webhook-Id"], timestamp=int(headers["Webhook-Timestamp"]), body=body
    )
    assert headers["Webhook-Signature"] == signed
    told.server.shutdown()
