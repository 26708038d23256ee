"""Prepared faces packed into a file that can travel, and back."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml_app.training.data.leakage import check_no_leak
from ml_app.training.data.packing import Form, pack, unpack
from ml_app.training.data.shards import Shard, read_shard, read_shards
from ml_app.training.recipe import Recipe
from ml_app.training.workflow import train_backbone


def shards(data: Path) -> dict[str, Shard]:
    return {
        index.relative_to(data).as_posix(): read_shard(index.parent, index.stem)
        for index in data.glob("*/*/*.json")
        if index.stat().st_size > 2
    }


def test_what_is_packed_whole_comes_back_alike(prepared: Path, tmp_path: Path) -> None:
    packed = pack(prepared, tmp_path / "faces.tar", 50_000_000)
    assert packed.faces == packed.of
    assert packed.size == (tmp_path / "faces.tar").stat().st_size
    assert unpack(tmp_path / "faces.tar", tmp_path / "there") == len(shards(prepared))
    assert unpack(tmp_path / "faces.tar", tmp_path / "there") == 0  # what is there is left alone
    there = shards(tmp_path / "there")
    for name, shard in shards(prepared).items():
        assert there[name].faces == shard.faces
        assert np.abs(there[name].landmarks - shard.landmarks).max() < 0.2
        assert np.abs(there[name].images.astype(int) - shard.images).mean() < 4
    check_no_leak(tmp_path / "there")


def test_a_limit_is_kept_and_pairs_stay_whole(prepared: Path, tmp_path: Path, recipe: Recipe) -> None:
    whole = pack(prepared, tmp_path / "whole.tar", 50_000_000)
    packed = pack(prepared, tmp_path / "half.tar", whole.size // 2, Form(side=96))
    assert packed.size <= whole.size // 2
    assert 0 < packed.faces <= packed.of
    unpack(tmp_path / "half.tar", tmp_path / "there")
    for shard in read_shards(tmp_path / "there/pairs/train"):
        assert shard.images.shape[1:] == (96, 96, 3)
        assert shard.landmarks.max() <= 98
        pairs = [face.pair for face in shard.faces]
        assert all(pairs.count(pair) == 2 for pair in pairs)
    fewer = pack(prepared, tmp_path / "few.tar", whole.size // 3)
    assert fewer.size <= whole.size // 3
    assert fewer.faces < fewer.of


def test_a_training_goes_on_from_packed_faces(prepared: Path, tmp_path: Path, recipe: Recipe) -> None:
    call_command("pack", str(tmp_path / "faces.tar"), data=prepared, limit=20)
    call_command("pack", str(tmp_path / "faces.tar"), "--unpack", data=tmp_path / "there")
    train_backbone(recipe, tmp_path / "there", tmp_path / "run")
    assert (tmp_path / "run/last.pt").exists()


def test_what_cannot_be_packed_or_unpacked_is_said(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="run `prepare` first"):
        call_command("pack", str(tmp_path / "a.tar"), data=tmp_path)
    with pytest.raises(ValueError, match="raise the limit"):
        pack(prepared, tmp_path / "b.tar", 2_000)
    (tmp_path / "c.tar").write_bytes(b"no tar")
    with pytest.raises(CommandError, match="no packed set"):
        call_command("pack", str(tmp_path / "c.tar"), "--unpack", data=tmp_path / "there")
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../outside/train/x/faces.json"))
    with pytest.raises(ValueError, match="no packed set"):
        unpack(tmp_path / "d.tar", tmp_path / "there")
    assert not (tmp_path / "outside").exists()
