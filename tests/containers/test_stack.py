"""The containers are what they promise: guarded, without secrets, and upright by themselves."""

from __future__ import annotations

import pytest

from tests.containers.stack import Stack

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]

RUNNING = ("proxy", "web", "worker", "sweeper", "database", "broker")


@pytest.mark.parametrize("service", RUNNING)
def test_services_are_healthy_and_guarded(stack: Stack, service: str) -> None:
    found = stack.inspect(service)
    host = found["HostConfig"]
    assert found["State"]["Health"]["Status"] == "healthy"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    status = stack.run_in(service, "cat", "/proc/1/status")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    assert "0" not in lines["Uid"].split(), "not root"
    assert int(lines["CapEff"], 16) == 0
    assert int(lines["NoNewPrivs"]) == 1
    probe = stack.compose("exec", "-T", service, "sh", "-c", "touch /usr/x 2>&1 || echo refused")
    assert "refused" in probe


def test_one_shots_have_ended(stack: Stack) -> None:
    for service in ("init", "secrets", "migrate"):
        state = stack.inspect(service)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_secrets_are_made_and_stay_apart(stack: Stack) -> None:
    key = stack.run_in("web", "cat", "/secrets/site/secret_key")
    password = stack.run_in("database", "cat", "/secrets/database/password")
    assert len(key) > 50
    assert len(password) > 40
    for service in RUNNING:
        environment = stack.inspect(service)["Config"]["Env"]
        assert not [line for line in environment if key in line or password in line]
    assert stack.run_in("worker", "stat", "-c", "%a %U", "/secrets/site/secret_key").split() == [
        "400",
        "site",
    ]
    assert "absent" in stack.run_in("database", "sh", "-c", "ls /secrets/site 2>&1 || echo absent")
    assert "absent" in stack.run_in("proxy", "sh", "-c", "ls /secrets 2>&1 || echo absent")


def test_the_image_has_no_compiler_and_nothing_private(stack: Stack) -> None:
    found = stack.run_in("web", "sh", "-c", "command -v gcc cc g++ clang make git; ls -A /app; true").split()
    expected = {"manage.py", "bin", "deepfake_site", "ml_app", "models", "static", "staticfiles", "vendor"}
    assert set(found) <= expected | {"requirements.txt", "requirements-s3.txt", "large.txt", "__pycache__"}


def test_the_image_can_keep_media_in_a_bucket(stack: Stack) -> None:
    assert stack.run_in("web", "python", "-c", "import boto3, storages; print('there')") == "there\n"


def test_the_web_server_imports_no_torch(stack: Stack) -> None:
    loaded = stack.run_in("web", "sh", "-c", "cat /proc/[0-9]*/maps 2>/dev/null | grep -c libtorch; true")
    assert loaded.strip() == "0"


def test_the_network_is_closed(stack: Stack) -> None:
    """Nobody but the proxy gets out, and the proxy reaches neither the database nor the broker."""
    ask = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    for service in ("web", "worker"):
        answer = stack.run_in(service, "sh", "-c", f'python -c "{ask}" 2>&1 || true')
        assert "unreachable" in answer, "no route leads out"
    for name in ("database", "broker"):
        answer = stack.run_in("proxy", "sh", "-c", f"curl -sS -m 3 http://{name}:1 2>&1 || true")
        assert "Could not resolve host" in answer


def test_an_account_for_the_review_desk(stack: Stack) -> None:
    stack.make_account("desk", "lantern-orbit-42")
    assert stack.sql("select is_superuser, is_active from auth_user where username = 'desk'") == [["t", "t"]]


def test_readiness(stack: Stack) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/readyz').read().decode())"
    assert '"ready": true' in stack.run_in("web", "python", "-c", ask)
