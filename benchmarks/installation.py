"""A whole installation to measure: private PostgreSQL and Redis, the weights that ship, real processes."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.containers.visitor import unique_copy
from tests.jobs.site import PYTHON, ROOT, Site, free_port
from tests.media import make_clip
from tests.postgresql import Server


@dataclass(frozen=True, slots=True)
class Installation:
    """A site with an empty database."""

    site: Site
    folder: Path
    _server: Server
    _database: str

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Ask the database past the site."""
        address = {"host": str(self._server.folder), "user": "postgres", "dbname": self._database}
        with psycopg.connect(**address) as connection:
            return connection.execute(text).fetchall()

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` to its end; what it wrote."""
        command = [PYTHON, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.site.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def clips(self, count: int, **values: Any) -> Path:
        """A folder of short clips, each with bytes of its own."""
        folder = self.folder / "clips"
        folder.mkdir()
        clip = make_clip(self.folder / "clip.mp4", **values)
        for number in range(count):
            unique_copy(clip, number, folder)
        return folder


@contextmanager
def installation(**environment: str) -> Iterator[Installation]:
    """Migrated and empty; everything that it started has ended afterwards."""
    server = Server()
    folder = Path(tempfile.mkdtemp(prefix="measure-"))
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    redis = subprocess.Popen(["redis-server", *options], cwd=folder, stdout=subprocess.DEVNULL)
    database = server.new_database()
    site = Site(
        folder,
        ROOT / "models",
        **{
            "DATABASE_URL": server.url(database),
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0",
            "DETECTOR": "standard",
            "LEASE_SECONDS": "30",
            "WORKER_NICE": "10",  # as by default
            "LOG_LEVEL": "WARNING",
        }
        | environment,
    )
    try:
        site.migrate()
        yield Installation(site, folder, server, database)
    finally:
        site.close()
        redis.kill()
        redis.wait()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
