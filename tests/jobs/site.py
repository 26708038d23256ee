"""A whole site in a folder of its own: database, media, broker and real processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
WORKER = ["-m", "celery", "-A", "deepfake_site", "--quiet", "worker"]
WORKER += ["--without-gossip", "--without-mingle", "--without-heartbeat"]


PORTS = range(20_000, 32_000)  # below those that the system gives to connections
_held: list[Any] = []  # ports of this process, as locked files


def free_port() -> int:
    """A port that nothing listens on, and that no other test process on this machine is given meanwhile."""
    folder = Path(tempfile.gettempdir()) / f"deepfake-site-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.sample(PORTS, len(PORTS)):
        lock = (folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:  # another's, or taken by something else
            lock.close()
            continue
        _held.append(lock)
        return port
    raise AssertionError(f"No port between {PORTS.start} and {PORTS.stop} is free")


def collect(static: Path) -> None:
    """Fill a STATIC_ROOT as `make run` does, which will find nothing left to do there."""
    code = (
        "import django; django.setup(); from deepfake_site.static_files import collect_if_changed as c; c()"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "deepfake_site.settings",
        "STATIC_ROOT": str(static),
    }
    with tempfile.TemporaryDirectory() as data:
        environment["DATA_DIR"] = data
        subprocess.run([PYTHON, "-c", code], cwd=ROOT, env=environment, check=True)


class Site:
    """Starts processes and ends every one of them."""

    def __init__(self, folder: Path, models: Path, **environment: str) -> None:
        self.folder, self.media = folder, folder / "media"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "DATA_DIR": str(folder / "var"),
            "MEDIA_ROOT": str(self.media),
            "STATIC_ROOT": str(folder / "static"),
            "MODELS_DIR": str(models),
            "DETECTOR": "random",
            "DEVICE": "cpu",
            "LEASE_SECONDS": "2",
            "WORKER_NICE": "0",  # tests on a busy machine would wait long for workers that stand back
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "deepfake_site.settings",
            **environment,
        }
        self._processes: list[subprocess.Popen[Any]] = []
        self._driver: subprocess.Popen[str] | None = None

    def take_database(self, migrated: Path) -> None:
        """Begin with a copy of an SQLite database."""
        (self.folder / "var").mkdir(parents=True)
        shutil.copy(migrated, self.folder / "var" / "db.sqlite3")

    def migrate(self) -> None:
        self.manage("migrate", "--verbosity=0")

    def manage(self, *arguments: str) -> None:
        """Run a management command to its end."""
        subprocess.run(
            [PYTHON, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[Any]:
        """Python with these arguments; what it says is appended to `name`.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [PYTHON, *arguments],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[Any]:
        return self.start("worker", *WORKER)

    def sweeper(self) -> subprocess.Popen[Any]:
        return self.start("sweeper", "manage.py", "sweep", "--every", "0.5", "--files-every", "0.5")

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def told(self, name: str, text: str, times: int = 1) -> str:
        """Wait until a log tells something so often, and see that it is no more; the log.

        A row changes before the line about it is written: who reads a log after a row has to wait.
        """
        wait_for(lambda: self.log(name).count(text) >= times, f"{name}.log: {text}")
        log = self.log(name)
        assert log.count(text) == times, f"{log.count(text)} times and not {times}: {text}"
        return log

    def do(self, *command: Any) -> Any:
        """Let the driver (see driver.py) do something in the site."""
        if self._driver is None:
            self._driver = subprocess.Popen(
                [PYTHON, "-m", "tests.jobs.driver"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._driver.stdin is not None and self._driver.stdout is not None
        self._driver.stdin.write(json.dumps(command) + "\n")
        self._driver.stdin.flush()
        answer = json.loads(self._driver.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def until(self, scan: str, **expected: Any) -> dict[str, Any]:
        """Wait until the scan's row has these values.

        Closely where something is to happen during the scan; an end that lasts is waited for at leisure,
        for looking at the row takes the time that the worker needs.
        """
        pause = 0.005 if expected.get("status") in ("running", None) else 0.1
        last: dict[str, Any] = {}

        def reached() -> dict[str, Any] | None:
            last.update(self.do("row", scan))
            return last if all(last[name] == value for name, value in expected.items()) else None

        try:
            row: dict[str, Any] = wait_for(reached, "", pause=pause)
        except AssertionError as error:
            raise AssertionError(f"{expected} not reached: {last}\n{self.log('worker')[-3000:]}") from error
        return row

    def processes(self) -> set[int]:
        """All that run for this site, children of children too; but not the driver."""
        mine = f"DATA_DIR={self.environment['DATA_DIR']}\0".encode()
        # Decoding processes have an environment of their own; they are told whose they are.
        parents = [f'"parent": {process.pid},'.encode() for process in self._processes]
        found = set()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                arguments = (path / "cmdline").read_bytes()
                if mine in (path / "environ").read_bytes() or any(text in arguments for text in parents):
                    found.add(int(path.name))
        return found - ({self._driver.pid} if self._driver else set())

    def leave(self) -> None:
        """End the driver, which keeps the database open. The next `do` starts another."""
        if self._driver is not None:
            self._driver.kill()
            self._driver.wait()
            self._driver = None

    def close(self) -> None:
        if self._driver is not None:
            self._driver.kill()
            self._driver.wait()
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
