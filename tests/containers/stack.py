"""A whole installation in containers, as a project of its own beside any other on the same engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.jobs.site import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
NO_ENGINE = (
    "No Docker engine answers here (DOCKER_HOST={host}): {said}\n"
    "These tests need Docker Engine 25 with Compose 2.24 or newer; everything else is tested by `make test`."
)


class NoEngineError(Exception):
    """There is no engine to run containers; the message says what is needed."""


def find_engine() -> None:
    """Make sure that an engine answers.

    Raises:
        NoEngineError: It does not, or Compose is missing.
    """
    host = os.environ.get("DOCKER_HOST", "default")
    if shutil.which("docker") is None:
        raise NoEngineError(NO_ENGINE.format(host=host, said="the program `docker` is not installed"))
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise NoEngineError(NO_ENGINE.format(host=host, said=done.stderr.strip()[:300]))


def _settings_of_a_kept_stack(folder: Path) -> dict[str, str]:
    file = folder / "settings.env"
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines)


class Stack:
    """`docker compose` with a project name and settings of its own. Closing it removes all that it made."""

    def __init__(self, folder: Path, project: str = "deepfake-test", **settings: str) -> None:
        """`folder` is for the file of settings, which stands in for .env."""
        self.folder, self.project = folder, project
        self.settings = {
            "HTTP_PORT": str(free_port()),
            "HTTPS_PORT": str(free_port()),
            "UPLOAD_RATE": "600r/m",
            "CERTIFICATES": str(folder / "certificates"),
            **settings,
            **_settings_of_a_kept_stack(folder),
        }
        (folder / "certificates").mkdir(parents=True, exist_ok=True)
        self.address = f"http://localhost:{self.settings['HTTP_PORT']}"

    def compose(self, *arguments: str, timeout: float = 600, check: bool = True) -> str:
        """Run `docker compose`; what it printed."""
        file = self.folder / "settings.env"
        text = "".join(f"{name}={value}\n" for name, value in self.settings.items())
        if not file.exists() or file.read_text() != text:  # another thread may just be reading it
            file.write_text(text)
        done = subprocess.run(
            [
                "docker",
                "compose",
                "--progress",
                "plain",
                "--ansi",
                "never",
                "--env-file",
                str(file),
                "-p",
                self.project,
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "ENV_FILE": str(file)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"docker compose {' '.join(arguments)}\n{done.stdout}\n{done.stderr[-4000:]}"
            )
        return done.stdout

    def build(self) -> None:
        """Both images; several minutes the first time, seconds when the requirements are the same."""
        self.compose("build", timeout=3600)

    def up(self, *arguments: str) -> None:
        """Start what is not running, and wait until all is healthy."""
        self.compose("up", "--detach", "--wait", "--no-build", *arguments)

    def down(self, *arguments: str) -> None:
        self.compose("down", "--timeout", "60", *arguments)

    def containers(self, service: str, *, stopped: bool = False) -> list[str]:
        """Ids of a service's containers."""
        return self.compose("ps", "--quiet", *(["--all"] if stopped else []), service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's first container."""
        (container, *_) = self.containers(service, stopped=True)
        text = subprocess.run(["docker", "inspect", container], capture_output=True, check=True).stdout
        found: dict[str, Any] = json.loads(text)[0]
        return found

    def run_in(self, service: str, *command: str) -> str:
        """Run a command in a running container; what it printed."""
        return self.compose("exec", "-T", service, *command)

    def make_account(self, name: str, password: str) -> None:
        """An account for the review desk, as docs/deployment.md has it."""
        command = ["web", "manage", "createsuperuser", "--no-input"]
        told = ["-e", f"DJANGO_SUPERUSER_PASSWORD={password}"]
        self.compose("exec", "-T", *told, *command, f"--username={name}", f"--email={name}@example.org")

    def sql(self, query: str) -> list[list[str]]:
        """Rows of the database, each value as text."""
        out = self.run_in("database", "psql", "-U", "site", "-d", "site", "-AtqF", "\t", "-c", query)
        return [line.split("\t") for line in out.splitlines()]

    def kill(self, container: str) -> bool:
        """Kill all processes of a container, as a crash would: the engine is to restart it by itself.

        `docker kill` counts as a wish that it stays down, so this kills the container's first process, which
        takes root on the engine's machine; without, the container is killed and started.

        Returns:
            False if it does not run just now.
        """
        asked = ["docker", "inspect", "--format", "{{.State.Pid}}", container]
        pid = int(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)
        if not pid:
            return False
        if os.geteuid() == 0 and Path(f"/proc/{pid}").exists():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            for verb in ("kill", "start"):
                subprocess.run(["docker", verb, container], capture_output=True, check=False)
        return True

    def settled(self, seconds: float = 300) -> list[list[str]]:
        """Wait until no scan waits or runs. Returns how many there are by status."""
        active = "select count(*) from ml_app_scan where status in ('queued', 'running')"
        wait_for(lambda: self.sql(active) == [["0"]], "all scans have ended", seconds, pause=1.0)
        return self.sql("select status, count(*) from ml_app_scan group by status order by status")

    def logs(self, *services: str) -> str:
        """What the services have written, each line as it is."""
        # Compose clears the line of its progress even where there is none.
        return self.compose("logs", "--no-color", "--no-log-prefix", *services).replace("\x1b[2K", "")

    def close(self) -> None:
        self.compose(
            "--profile", "*", "down", "--volumes", "--timeout", "10", "--remove-orphans", check=False
        )


@contextmanager
def stack_from_nothing(
    folder: Path,
    project: str = "deepfake-test",
    *arguments: str,
    fresh: bool = True,
    build: bool = True,
    keep: bool = False,
    **settings: str,
) -> Iterator[Stack]:
    """An installation that is built and started, and removed with all its volumes when the block is left.

    Args:
        folder: For its settings and secrets.
        project: Its name for Compose.
        arguments: For `Stack.up`.
        fresh: Remove what an earlier run may have left; otherwise go on with it, and build nothing.
        build: Build the images, unless they are there.
        keep: Leave it running.
        settings: Environment of its services.
    """
    stack = Stack(folder, project, **settings)
    if fresh:
        stack.close()
    try:
        if fresh and build:
            stack.build()
        stack.up(*arguments)
        yield stack
    finally:
        if not keep:
            stack.close()
