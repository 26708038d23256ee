"""Sites with real processes, and the weights and clips that they work on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.random_detector import write_random
from tests.jobs.site import Site, collect, free_port
from tests.media import make_clip
from tests.once import made_once
from tests.postgresql import Server
from tests.rows import claimed, commits, findings, media, scan, sent, video, weights
from tests.waiting import wait_for

__all__ = ["claimed", "commits", "findings", "media", "scan", "sent", "video", "weights"]


@pytest.fixture(scope="session")
def random_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two detectors for 10 and 20 frames, real networks with random weights.

    "random" runs in ONNX Runtime, as the one that ships; "random-torch" in PyTorch: a worker takes three
    times as long to start with it, and longer for a scan, which what is to happen during one asks for.
    """

    def write(folder: Path) -> None:
        write_random(folder / "random", "efficientnet_lite0")
        write_random(folder / "random-torch", "resnext50_32x4d")

    return made_once(tmp_path_factory, "random-models", write)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, four seconds."""
    return make_clip(
        tmp_path_factory.mktemp("clips") / "two.mp4", seconds=4, people=2, size=(480, 270), fps=10
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, random_models: Path) -> Path:
    """The file of an SQLite database whose tables are empty: migrating takes seconds, copying it does not."""
    folder = made_once(tmp_path_factory, "migrated", lambda folder: Site(folder, random_models).migrate())
    return folder / "var" / "db.sqlite3"


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A STATIC_ROOT in which `make run` and a web server find all that they serve; nobody writes there."""
    return made_once(tmp_path_factory, "static-files", collect)


@pytest.fixture(scope="session")
def new_database(
    tmp_path_factory: pytest.TempPathFactory, random_models: Path, postgresql: Server
) -> Callable[[], str]:
    """Makes PostgreSQL databases whose tables are empty. Returns a DATABASE_URL."""
    template = postgresql.new_database()
    folder = tmp_path_factory.mktemp("migrated-postgresql")
    Site(folder, random_models, DATABASE_URL=postgresql.url(template)).migrate()
    return lambda: postgresql.url(postgresql.new_database(template))


@pytest.fixture
def new_site(tmp_path: Path, random_models: Path, migrated: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site in a folder of its own, with an empty database: SQLite, unless another is given."""
    sites: list[Site] = []

    def make(**environment: str) -> Site:
        folder = tmp_path / f"site{len(sites)}"
        site = Site(folder, random_models, **environment)
        if "DATABASE_URL" not in environment:
            site.take_database(migrated)
        else:
            (folder / "var").mkdir(parents=True)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def site_of_each(request: pytest.FixtureRequest, new_site: Callable[..., Site]) -> Site:
    """A site on SQLite, and then one on PostgreSQL."""
    if request.param == "sqlite":
        return new_site()
    return new_site(DATABASE_URL=request.getfixturevalue("new_database")())


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of our own."""
    program = shutil.which("redis-server")
    assert program, (
        "redis-server is missing: `make test` installs it, and so does `apt-get install redis-server`"
    )
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", program, *options],
        cwd=tmp_path_factory.mktemp("redis"),
        stdout=subprocess.DEVNULL,
    )
    import redis

    client = redis.Redis(port=port)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_for(answers, "Redis answers")
    yield f"redis://127.0.0.1:{port}/0"
    process.kill()
    process.wait()
