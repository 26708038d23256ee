"""A real server with the weights that ship, for programs and browsers."""

from __future__ import annotations

import subprocess
import urllib.request
from pathlib import Path

from tests.jobs.site import PYTHON, ROOT, Site, free_port
from tests.waiting import wait_for

PASSWORD = "correct horse battery staple"


class Server:
    """A site of our own with the weights that ship: web server and, when asked for, a worker."""

    def __init__(self, folder: Path, migrated: Path, static: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.site = Site(
            folder,
            ROOT / "models",
            DETECTOR="standard",
            LEASE_SECONDS="60",
            API_ALIAS_WAIT_SECONDS="0",
            WEBHOOK_NETWORKS="127.0.0.1",
            STATIC_ROOT=str(static),
        )
        self.site.take_database(migrated)
        make = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        self.site.environment |= make
        self.site.manage("createsuperuser", "--noinput", "--username", "program", "--email", "")
        command = ["-m", "gunicorn", "-c", "deepfake_site/gunicorn.py", "deepfake_site.wsgi"]
        self.site.start("web", *command, PORT=str(self.port))
        wait_for(self._answers, "the web server answers", pause=0.2)
        self.token = self.new_token()

    def new_token(self, scope: str = "write") -> str:
        """As people make one."""
        made = subprocess.run(
            [PYTHON, "manage.py", "create_token", "program", "--scope", scope],
            cwd=ROOT,
            env=self.site.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return made.stdout.splitlines()[-1]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False
