"""Sites with real processes, and the weights and clips that they work on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.site import Site, free_port
from tests.media import make_clip
from tests.postgresql import Server
from tests.rows import claimed, commits, findings, media, scan, sent, video, weights
from tests.waiting import wait_for

__all__ = ["claimed", "commits", "findings", "media", "scan", "sent", "video", "weights"]


@pytest.fixture(scope="session")
def random_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the detector "random": the real network for 10 and 20 frames, with random weights."""
    import torch

    from ml_app.detection.checkpoints.files import save_checkpoint
    from ml_app.detection.checkpoints.manifest import sha256_of
    from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata, Preprocessing
    from ml_app.detection.networks.backbones import build_backbone
    from ml_app.detection.networks.heads import SEQUENCE, build_head

    folder = tmp_path_factory.mktemp("models") / "random"
    torch.manual_seed(1)
    preprocessing = Preprocessing(image_size=112, margin=1.2)
    backbone = {name: value.half() for name, value in build_backbone("resnext50_32x4d").state_dict().items()}
    about = BackboneMetadata("random", "1", "resnext50_32x4d", preprocessing)
    save_checkpoint(folder / "backbone.safetensors", backbone, about)
    dimensions = {"channels": 2048, "projection": 16, "hidden": 8}
    for count in (10, 20):
        head = HeadMetadata(
            name="random",
            version="1",
            architecture=SEQUENCE,
            frame_count=count,
            backbone_sha256=sha256_of(folder / "backbone.safetensors"),
            dimensions=dimensions,
            preprocessing=preprocessing,
        )
        save_checkpoint(
            folder / f"head-{count}.safetensors", build_head(SEQUENCE, dimensions).state_dict(), head
        )
    return folder.parent


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, four seconds."""
    return make_clip(
        tmp_path_factory.mktemp("clips") / "two.mp4", seconds=4, people=2, size=(480, 270), fps=10
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, random_models: Path) -> Path:
    """The file of an SQLite database whose tables are empty: migrating takes seconds, copying it does not."""
    site = Site(tmp_path_factory.mktemp("migrated"), random_models)
    site.migrate()
    return site.folder / "var" / "db.sqlite3"


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
        (folder / "var").mkdir(parents=True)
        if "DATABASE_URL" not in environment:
            shutil.copy(migrated, folder / "var" / "db.sqlite3")
        site = Site(folder, random_models, **environment)
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
