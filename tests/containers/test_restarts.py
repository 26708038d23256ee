"""Restarts, updates and kills in the middle of work: no scan is lost, none is done twice."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.stack import Stack
from tests.containers.visitor import Visitor, unique_copy
from tests.waiting import wait_for

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

NewVisitor = Callable[..., Visitor]
ACTIVE = "select count(*) from ml_app_scan where status in ('queued', 'running')"


class Watch:
    """Looks which worker has which scan, again and again."""

    def __init__(self, stack: Stack) -> None:
        self.workers: dict[str, set[str]] = {}
        """Of each scan that was seen to run, the names of the containers that had it."""
        self._stack, self._over = stack, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for scan, worker in self._stack.sql(
                "select id, worker from ml_app_scan where status = 'running'"
            ):
                self.workers.setdefault(scan, set()).add(worker.split(":")[0])


def send(
    stack: Stack, someone: Visitor, clip: Path, folder: Path, numbers: range, frames: int = 10
) -> list[str]:
    """Upload copies of a clip, each again until it was taken. Returns the ids of the scans."""
    scans = []
    for number in numbers:
        copy = unique_copy(clip, number, folder)
        path = wait_for(
            lambda copy=copy: someone.upload(copy, frames=frames), "the upload is taken", 120, pause=1
        )
        assert path.startswith("/scans/"), path
        scans.append(path.split("/")[2])
        copy.unlink()
    return scans


def assert_done_once(stack: Stack, scans: list[str]) -> None:
    stack.settled(600)
    listed = ", ".join(f"'{scan}'" for scan in scans)
    assert len(set(scans)) == len(scans)
    rows = stack.sql(f"select status, count(*) from ml_app_scan where id in ({listed}) group by status")
    assert rows == [["done", str(len(scans))]]
    faces = stack.sql(
        f"select count(*), count(distinct scan_id), max(number) from ml_app_face where scan_id in ({listed})"
    )
    assert faces == [[str(len(scans)), str(len(scans)), "1"]], "one person in each, found once"


def test_each_service_restarts_during_a_batch(
    stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path
) -> None:
    """Each in turn, while scans wait and run; uploads in between are taken as soon as they can be."""
    scans = send(stack, visitor("batch"), clip, tmp_path, range(100, 106))
    for number, service in enumerate(("proxy", "broker", "database", "web", "sweeper", "worker")):
        wait_for(lambda: stack.sql(ACTIVE) != [["0"]], "scans wait or run", 10)
        stack.compose("restart", service)
        scans += send(stack, visitor("batch"), clip, tmp_path, range(200 + number, 201 + number))
    assert_done_once(stack, scans)
    stack.up()


def test_update_while_a_scan_runs(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    """`build` and `up -d` of another version: all of ours is replaced, the database is migrated once."""
    usual = stack.settings.copy()
    for name in ("site", "proxy"):  # the same program under another label is another image
        command = ["docker", "build", "--quiet", "--label=version=next", f"--tag=deepfake-{name}:next", "-"]
        subprocess.run(command, input=f"FROM deepfake-{name}:latest\n".encode(), check=True)
    migrations = stack.sql("select count(*), max(applied) from django_migrations")
    scans = send(stack, visitor("update"), clip, tmp_path, range(1000, 1030), frames=100)
    stay = [stack.containers(service) for service in ("database", "broker")]
    stack.settings["TAG"] = "next"  # before two threads write the settings down
    with Watch(stack) as watch:
        stack.up()
        stack.settled(600)
    assert [stack.containers(service) for service in ("database", "broker")] == stay
    for service in ("web", "worker", "sweeper", "proxy", "migrate", "init"):
        assert stack.inspect(service)["Config"]["Labels"]["version"] == "next"
    assert stack.logs("migrate").count("No migrations to apply") == 1
    assert stack.sql("select count(*), max(applied) from django_migrations") == migrations
    assert_done_once(stack, scans)
    given_back = [scan for scan, workers in watch.workers.items() if len(workers) == 2]
    assert given_back, "the old worker was in the middle of one"
    assert stack.sql("select max(attempts) from ml_app_scan where frame_count = 100") == [["1"]], "no attempt"
    stack.settings = usual
    stack.up()


def test_three_workers_share_the_work(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    stack.up("--scale", "worker=3")
    assert len(stack.containers("worker")) == 3
    scans = send(stack, visitor("scale"), clip, tmp_path, range(2000, 2009))
    names: set[str] = set()

    def ended() -> bool:
        names.update(row[0] for row in stack.sql("select worker from ml_app_scan where status = 'running'"))
        return stack.sql(ACTIVE) == [["0"]]

    wait_for(ended, "all are done", 600, pause=1)
    assert_done_once(stack, scans)
    hosts = {name.split(":")[0] for name in names}
    assert hosts == {container[:12] for container in stack.containers("worker")}
    stack.up("--scale", "worker=1")


def test_the_engine_restarts_what_dies(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    scans = send(stack, visitor("kills"), clip, tmp_path, range(3000, 3004))
    for service in ("worker", "broker", "database", "web"):
        stack.kill(stack.containers(service)[0])
        time.sleep(2)
    assert_done_once(stack, scans)
    stack.up()


def test_down_and_up_keep_everything(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    keeper = visitor("keeper")
    scan = keeper.upload(unique_copy(clip, 4000, tmp_path))
    stack.settled()
    key = stack.run_in("web", "cat", "/secrets/site/secret_key")
    before = stack.sql("select count(*) from ml_app_scan where status = 'done'")
    stack.down()
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.project}"],
        capture_output=True,
        check=True,
    ).stdout
    assert listed == b""
    stack.up()
    assert stack.sql("select count(*) from ml_app_scan where status = 'done'") == before
    assert stack.run_in("web", "cat", "/secrets/site/secret_key") == key
    page = keeper.get(scan)
    assert 'class="verdict' in page.text, "the session is still valid"
    assert keeper.get(f"{scan}video", "--range", "0-9").status == 206


def test_tls_with_an_own_certificate(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> None:
    folder = Path(stack.settings["CERTIFICATES"])
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*make, *files], check=True, capture_output=True)
    (folder / "privkey.pem").chmod(0o644)  # as docs/deployment.md says: nginx is not root
    stack.settings |= {"HTTPS": "true", "TRUSTED_PROXIES": "172.16.0.0/12,192.168.0.0/16,10.0.0.0/8"}
    stack.up("--force-recreate", "--no-deps", "web", "proxy")

    secure = f"https://localhost:{stack.settings['HTTPS_PORT']}"
    redirected = visitor("anna").get("/scans/?page=2")
    assert redirected.status == 308
    assert redirected.headers["location"] == f"{secure}/scans/?page=2"
    anna = visitor("tls", "--cacert", str(folder / "fullchain.pem"), address=secure)
    assert anna.get("/").headers["strict-transport-security"].startswith("max-age=31536000")
    scan = anna.upload(unique_copy(clip, 5000, tmp_path))
    assert scan.startswith(f"{secure}/scans/") or scan.startswith("/scans/")
    stack.settled()
    page = anna.get(scan.removeprefix(secure))
    assert 'class="verdict' in page.text
    assert anna.get(scan.removeprefix(secure) + "video", "--range", "0-9").status == 206
    old = anna.get("/", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
    assert old.status == 0, "TLS 1.1 is refused"

    # Now every address is a trusted proxy's, and what it says about the client holds.
    forged = ["--header", "X-Forwarded-For: 203.0.113.9"]
    login = anna.get("/accounts/login/", *forged)
    token = login.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    fields = [f"csrfmiddlewaretoken={token}", "login=desk", "password=wrong", "next=/admin/"]
    sent = [part for field in fields for part in ("--form", field)]
    anna.get("/accounts/login/", *sent, *forged, "--header", f"Referer: {secure}/accounts/login/")
    assert stack.sql("select ip_address from axes_accessattempt") == [["203.0.113.9"]]
