"""Faces that a network has written anew: by the real engine, with networks of a few layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.data.leakage import check_no_leak
from ml_app.training.data.shards import read_shards
from ml_app.training.fakes.reconstructed import RECONSTRUCTED, jobs_of, run_job
from ml_app.training.fakes.reconstruction import DECODERS, Decoders, ReconstructionError, reconstruct
from ml_app.training.fitting.batches import Pool
from ml_app.training.recipe import Mix
from ml_app.training.workflow import split_folders

ONLY = Mix(0, 0, 0, 0, 0, reconstructed=1)


def network(scale: int, border: int) -> str:
    """ncnn's description of a network that cuts the border off and enlarges by the nearest pixel."""
    crop = f"Crop crop 1 1 data cut 0={border} 1={border} 3=-233 4=-233 5=-233 6={border} 7={border}"
    return f"7767517\n3 3\nInput data 0 1 data\n{crop}\nInterp up 1 1 cut output 0=1 1={scale} 2={scale}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("decoders")
    for decoder in DECODERS:
        (found / f"{decoder.file}.param").write_text(network(decoder.scale, decoder.border))
        (found / f"{decoder.file}.bin").write_bytes(b"")
    return found


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.file)
def test_a_network_enlarges_and_eats_its_border(folder: Path, decoder: object) -> None:
    chosen = next(d for d in DECODERS if d is decoder)
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    large = Decoders(folder).enlarge(image, chosen)
    assert np.array_equal(large, image.repeat(chosen.scale, 0).repeat(chosen.scale, 1))


def test_a_reconstruction_keeps_colours_and_place_and_changes_detail(
    face: tuple[Image, Landmarks], folder: Path
) -> None:
    image, landmarks = face
    decoders = Decoders(folder)
    names = set()
    for seed in range(12):
        fake, name = reconstruct(image, landmarks, decoders, np.random.default_rng(seed))
        names.add(name)
        difference = fake.astype(float) - image
        assert fake.shape == image.shape
        assert fake.dtype == np.uint8
        assert 0.1 < np.abs(difference).mean() < 25
        assert np.abs(difference.mean(axis=(0, 1))).max() < 1.5
    assert len(names) > 2
    again = [reconstruct(image, landmarks, decoders, np.random.default_rng(5))[0] for _ in range(2)]
    assert np.array_equal(*again)


def test_reconstructed_faces_stand_beside_their_originals_in_a_batch(
    prepared: Path, folder: Path, tmp_path: Path
) -> None:
    for part in prepared.iterdir():
        (tmp_path / part.name).symlink_to(part)
    jobs = jobs_of(tmp_path, "train", 9, folder, seed=3)
    for job in jobs:
        run_job(job)
    check_no_leak(tmp_path)
    assert not jobs_of(tmp_path, "train", 9, folder, seed=3)  # what is there is left alone
    (shard,) = read_shards(tmp_path / RECONSTRUCTED / "train")
    assert [face.fake for face in shard.faces] == [False, True] * 9
    genuine = [face for s in split_folders(prepared, "train") for x in read_shards(s) for face in x.faces]
    assert {face.group for face in shard.faces} <= {face.group for face in genuine if not face.fake}
    kinds = {bool(face.time_s) for face in shard.faces}
    assert kinds == {True, False}  # clips and pictures
    pool = Pool(split_folders(tmp_path, "train"), ONLY)
    rng = np.random.default_rng(0)
    places = {image.tobytes(): number for number, image in enumerate(shard.images)}
    for _ in range(20):
        real, fake, twins = pool.pair(rng)
        assert twins
        assert places[fake.image.tobytes()] == places[real.image.tobytes()] + 1
    with_others = Pool(split_folders(tmp_path, "train"), replace(ONLY, self_blended=1))
    assert with_others.genuine_faces == Pool(split_folders(prepared, "train"), Mix(0, 1, 0, 0)).genuine_faces


def test_what_is_missing_is_named(prepared: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=rf"no .*{DECODERS[0].file}.param; docs/training.md"):
        call_command("reconstruct", data=prepared, decoders=tmp_path)
    with pytest.raises(CommandError, match="no genuine train faces"):
        call_command("reconstruct", data=tmp_path, decoders=folder)
    with pytest.raises(ReconstructionError):
        Decoders(tmp_path)
    with pytest.raises(ValueError, match="wants reconstructed"):
        Pool(split_folders(prepared, "train"), ONLY)


def test_the_command_writes_the_set(prepared: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").symlink_to(prepared / "faces")
    call_command("reconstruct", data=tmp_path, decoders=folder, count=2, processes=1)
    (shard,) = read_shards(tmp_path / RECONSTRUCTED / "train")
    assert len(shard.faces) == 4
