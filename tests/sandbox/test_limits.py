"""Limits and environment of a process that reads something untrusted, seen from within one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml_app.sandbox.environment import bare_environment

_MEMORY = 512 * 1024**2


def said_by(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "import os, sys, resource, json\n" + program],
        env=bare_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def limited(program: str) -> subprocess.CompletedProcess[str]:
    return said_by(f"from ml_app.sandbox.limits import limit\nlimit(1, {_MEMORY}, 16)\n" + program)


def test_no_secret_of_ours_and_no_address_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "DATABASE_URL", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "ours")
    got = json.loads(said_by("print(json.dumps(dict(os.environ)))").stdout)
    assert "ours" not in got.values()
    assert got["PATH"] == os.environ["PATH"]


def test_what_is_asked_for_is_passed_on_and_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", "/certificates")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    given = bare_environment("SSL_CERT_DIR", "SSL_CERT_FILE", HOME="/nowhere")
    assert (given["SSL_CERT_DIR"], given["HOME"]) == ("/certificates", "/nowhere")
    assert "SSL_CERT_FILE" not in given


def test_memory_is_limited() -> None:
    assert "MemoryError" in limited(f"bytearray({_MEMORY})").stderr


def test_time_of_the_processor_is_limited() -> None:
    assert limited("while True: pass").returncode == -24  # SIGXCPU


def test_nothing_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert "File too large" in limited(f"open({str(file)!r}, 'wb', buffering=0).write(b'x')").stderr
    assert file.read_bytes() == b""


def test_only_so_many_descriptors_can_be_opened() -> None:
    assert "Too many open files" in limited("files = [os.open('/', 0) for _ in range(16)]").stderr


def test_no_core_is_left_behind() -> None:
    assert limited("print(resource.getrlimit(resource.RLIMIT_CORE))").stdout.strip() == str((0, 0))


def test_a_process_without_its_parent_knows_it() -> None:
    program = "from ml_app.sandbox.limits import die_with\nprint(die_with(os.getppid()), die_with(1 << 22))"
    assert said_by(program).stdout.split() == ["True", "False"]


_CHILD = """
import os, time
from ml_app.sandbox.limits import die_with
die_with(os.getppid())
print("here", flush=True)
time.sleep(60)
"""
_PARENT = f"""
import subprocess
quiet = subprocess.DEVNULL
child = subprocess.Popen([sys.executable, "-P", "-c", {_CHILD!r}], stdout=subprocess.PIPE, stderr=quiet)
child.stdout.readline()
print(child.pid)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_process_dies_with_its_parent() -> None:
    place = Path(f"/proc/{int(said_by(_PARENT).stdout)}/stat")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            state = place.read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":  # nobody has waited for it yet
            return
        time.sleep(0.05)
    raise AssertionError("it lives on")
