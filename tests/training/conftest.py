"""Tiny data: one public-domain face in several disguises, and a network that learns it in no time."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ml_app.detection.networks.backbones import BACKBONES
from ml_app.training.data.landmarks import Landmarks, find_face_in_crop
from ml_app.training.data.prepare import Job, jobs_of, run_job
from ml_app.training.data.shards import cut
from ml_app.training.readers import read_set
from ml_app.training.recipe import Heads, Mix, Phase, Recipe
from tests.media import Image, make_clip, picture, portrait
from tests.training.tiny import TINY


def face_picture(number: int) -> Image:
    """A tight crop of the face, 200 px, a little different for each number."""
    tight = portrait()[40:200, 50:210]
    tinted = np.clip(tight.astype(np.int16) + np.array([number * 4, 0, -number * 4]), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(tinted, (200, 200)), dtype=np.uint8)


@pytest.fixture(scope="module")
def face() -> tuple[Image, Landmarks]:
    """That face as the store keeps it, with its landmarks."""
    image = face_picture(0)
    landmarks = find_face_in_crop(image)
    assert landmarks is not None
    return cut(image, landmarks)


def swapped(image: Image) -> Image:
    """A crude manipulation: the middle of the face in another colour."""
    changed = image.copy()
    side = image.shape[0]
    middle = slice(side // 4, 3 * side // 4)
    changed[middle, middle] = 255 - changed[middle, middle]
    return cv2.addWeighted(image, 0.7, changed, 0.3, 0).astype(np.uint8)


def _add(archive: tarfile.TarFile, name: str, image: Image) -> None:
    data = cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """faces.tar, pairs.tar, clips.csv and its clips."""
    folder = tmp_path_factory.mktemp("training-media")
    with tarfile.open(folder / "faces.tar", "w") as archive:
        for number in range(6):
            split = "dev" if number > 3 else "train"
            _add(archive, f"{split}/face{number}.jpg", face_picture(number))
    with tarfile.open(folder / "pairs.tar", "w") as archive:
        for number in range(4):
            split = "dev" if number > 2 else "train"
            _add(archive, f"{split}/v{number}/real.jpg", face_picture(number + 6))
            _add(archive, f"{split}/v{number}/fake-w{number}.jpg", swapped(face_picture(number + 6)))
    lines = ["file,split,label,family,generator_or_corpus,pair"]
    for number in range(4):
        split = "train" if number < 2 else "dev"
        for label in ("real", "fake"):
            name = f"{label}{number}.mp4"
            offset = number * 0.7

            def draw(time_s: float, label: str = label, offset: float = offset) -> Image:
                image = picture(time_s + offset)
                return swapped(image) if label == "fake" else image

            make_clip(folder / name, seconds=1.2, fps=10, draw=draw)
            lines.append(f"{name},{split},{label},{label},maker of {label},p{number}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


def run_here(jobs: list[Job]) -> None:
    """Prepare without other processes, whose start takes longer than the work."""
    for job in jobs:
        run_job(job)


@pytest.fixture(scope="session")
def prepared(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it, prepared."""
    out = tmp_path_factory.mktemp("prepared")
    sets = (("faces", "faces.tar"), ("pairs", "pairs.tar"), ("clips", "clips.csv"))
    run_here([job for kind, name in sets for job in jobs_of(read_set(kind, media / name), out)])
    return out


@pytest.fixture
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a registered backbone with a few hundred weights."""

    monkeypatch.setitem(BACKBONES, "tiny", TINY)  # other tests have one of that name too, and want it back
    threads = torch.get_num_threads()
    yield "tiny"
    torch.set_num_threads(threads)


@pytest.fixture
def recipe(tiny_backbone: str) -> Recipe:
    """A few steps on everything."""
    return Recipe(
        name="small",
        version="1",
        backbone=tiny_backbone,
        phases=(Phase(size=32, steps=4, batch=8), Phase(size=48, steps=4, batch=8)),
        mix=Mix(0.25, 0.25, 0.25, 0.25),
        save_every=2,
        measure_every=4,
        heads=Heads(frame_counts=(4, 8), projection=8, hidden=4, views=2, steps=20, batch=4, held_out=0.5),
    )
