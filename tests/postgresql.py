"""A private PostgreSQL: Debian's programs, a new cluster in a temporary folder, a socket of its own.

It ends with the process that started it, however that one ends, and no service of the machine is touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

MISSING = "PostgreSQL is missing: `make test` installs it, and so does `apt-get install postgresql`"
START_SECONDS = 60.0
# What is written here need not outlive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def _programs() -> Path:
    """The folder of initdb and postgres: Debian keeps each version in one of its own, outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    assert elsewhere, MISSING
    return Path(elsewhere).resolve().parent


def _as_other_user(folder: Path) -> list[str]:
    """initdb and postgres refuse to run as root: then they run as Debian's `postgres`, or as nobody."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


class Server:
    """A running server, with any number of databases."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path may have 107 bytes
        programs, other_user = _programs(), _as_other_user(self.folder)
        data = self.folder / "data"
        # The encoding that Django asks for, whatever the locale of the machine
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", ["setpriv", *other_user], [programs / "initdb", "-D", data, *options])
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", *FAST]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig=INT", *other_user, str(programs / "postgres"), "-D", str(data)),
                    *(part for setting in settings for part in ("-c", setting)),
                ],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._numbers = 0
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="postgres", autocommit=True)

    def version(self) -> str:
        """Such as "15.18 (Debian 15.18-0+deb12u1)"."""
        with self._connect() as connection:
            return connection.info.parameter_status("server_version") or ""

    def _run(self, name: str, prefix: list[str], command: list[object]) -> None:
        result = subprocess.run(
            [*prefix, *map(str, command)], cwd=self.folder, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise RuntimeError(f"{name} failed: {result.stderr[-2000:]}")

    def url(self, database: str = "postgres") -> str:
        """The DATABASE_URL of a database."""
        return f"postgres://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    def new_database(self, template: str = "template1") -> str:
        """Make a database, empty or as a copy. Returns its name."""
        self._numbers += 1
        name = f"site{self._numbers}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def stop(self) -> None:
        """End it at once; nothing of it is kept."""
        self._process.send_signal(signal.SIGQUIT)  # no checkpoint, connections are cut
        self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
