"""`manage.py run`: the whole site in the foreground, until Ctrl-C."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from deepfake_site.static_files import collect_if_changed
from ml_app import services
from ml_app.accounts import first

CONFIG = Path("deepfake_site") / "supervisord.conf"
READY_SECONDS = 60.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - and where this machine answers then


class Command(BaseCommand):
    """Prepares the database and the static files, then starts web server, worker and sweeper."""

    help = (
        "Start the site: web server, worker and sweeper, under a supervisor. HOST and PORT set the address."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = os.environ.get("HOST", "127.0.0.1"), _port()
        with _only_one(settings.DATA_DIR / "run.lock"):
            _check_address(host, port)
            self._say("Preparing the database and the static files …")
            call_command("migrate", interactive=False, verbosity=0)
            collect_if_changed()
            supervisor = _start()
            signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            stop = _Stop(supervisor, self._say)
            for number in signals:
                signal.signal(number, stop)
            self._welcome(host, port, supervisor)
            status = supervisor.wait()
        if not stop.asked:
            raise CommandError(f"The supervisor ended by itself (status {status}). The reason stands above.")
        self._say("Stopped.")

    def _welcome(self, host: str, port: int, supervisor: subprocess.Popen[bytes]) -> None:
        shown = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if host in _EVERYWHERE:
            shown = f"http://localhost:{port}, and at every other address of this machine"
        if not _answers(host, port, supervisor):
            return
        self._say(f"\n  The site is at {shown}    (Ctrl-C stops it)")
        if first.is_needed():
            page = f"{reverse('ml_app:first')}?code={first.first_code()}"
            self._say(f"  For the review desk, make yourself an account there: {page}")
            self._say(f"  or on the console: {sys.executable} manage.py createsuperuser")
        detector = services.detector_state()
        if not detector.available:
            self._say(f"  No video can be analysed yet. {detector.message}")
        self._say("")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


class _Stop:
    """Passes a wish to stop on to the supervisor, which stops everything it started."""

    def __init__(self, supervisor: subprocess.Popen[bytes], say: Any) -> None:
        self.asked = False
        self._supervisor, self._say = supervisor, say

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            self._say("\nStopping …")
        self._supervisor.terminate()


def _port() -> int:
    text = os.environ.get("PORT", "8000")
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CommandError(f"PORT is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def _only_one(path: Path) -> IO[str]:
    """A lock that the kernel takes back when this process ends, however it ends."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise CommandError(
            f"The site already runs from this folder ({holder}). Stop it with Ctrl-C where it was started, "
            "or give this one a DATA_DIR of its own."
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()}, port {_port()}")
    file.flush()
    return file


def _check_address(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = (
                    f"Port {port} of {host} is taken by another program. Choose another: PORT=8001 make run"
                )
            else:
                message = (
                    f"The address {host}, port {port}, cannot be used: {error.strerror}. Set HOST and PORT."
                )
            raise CommandError(message) from error


def _start() -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "BIN": str(Path(sys.executable).parent),
        "DATA_DIR": str(settings.DATA_DIR),
        "PYTHONUNBUFFERED": "1",
    }
    command = [
        "setpriv",
        "--pdeathsig",
        "TERM",
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "-c",
        str(CONFIG),
    ]
    if os.geteuid() == 0:
        command += ["--user", "root"]  # or it warns that it was not told which user to become
    try:
        # In a session of its own, so that Ctrl-C in the terminal reaches it through this process alone, once.
        return subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, start_new_session=True)
    except FileNotFoundError as error:
        raise CommandError("The program setpriv (package util-linux) is needed and was not found.") from error


def _answers(host: str, port: int, supervisor: subprocess.Popen[bytes]) -> bool:
    """Wait until the web server answers, whatever it answers."""
    target = _EVERYWHERE.get(host, host)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and supervisor.poll() is None:
        try:
            connection = HTTPConnection(target, port, timeout=5)
            connection.request("GET", "/")  # a redirect to HTTPS, which somebody else speaks, will do too
            connection.getresponse()
            connection.close()
            return True
        except (OSError, HTTPException):
            time.sleep(0.1)
    return False
