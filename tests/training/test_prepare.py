"""Preparing faces, and that nothing leaks between the splits."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml_app.training.prepare import clip_jobs, face_jobs, prepare, read_clips
from ml_app.training.recipe import Recipe
from ml_app.training.store import read_shards
from ml_app.training.workflow import check_no_leak, train_backbone


def test_every_source_is_prepared(prepared: Path) -> None:
    faces = [face for shard in read_shards(prepared / "faces/train") for face in shard.faces]
    assert [face.source for face in faces] == [f"train/face{i}.jpg" for i in range(4)]
    pairs = [face for shard in read_shards(prepared / "pairs/train") for face in shard.faces]
    assert {(face.pair, face.fake) for face in pairs} == {
        (f"v{i}", f) for i in range(3) for f in (True, False)
    }
    clips = list(read_shards(prepared / "clips/train"))
    assert len(clips) == 4
    for shard in clips:
        times = [face.time_s for face in shard.faces]
        assert len(times) == 12
        assert times == sorted(times)
        assert shard.images.dtype == np.uint8
        assert shard.landmarks.shape == (12, 68, 2)


def test_no_picture_and_no_group_stands_in_two_splits(prepared: Path) -> None:
    check_no_leak(prepared)
    seen: dict[str, set[bytes]] = {"train": set(), "dev": set()}
    for split, hashes in seen.items():
        for folder in prepared.glob(f"*/{split}"):
            hashes |= {image.tobytes() for shard in read_shards(folder) for image in shard.images}
    assert seen["train"]
    assert not seen["train"] & seen["dev"]


def test_a_leak_stops_the_training(prepared: Path, tmp_path: Path, recipe: Recipe) -> None:
    leaking = tmp_path / "leaking"
    shutil.copytree(prepared, leaking)
    for file in (leaking / "pairs/train").iterdir():
        shutil.copy(file, leaking / "pairs/dev" / file.name)
    with pytest.raises(ValueError, match="stands in train and in dev"):
        train_backbone(recipe, leaking, tmp_path / "run")


def test_what_is_prepared_is_left_alone(media: Path, tmp_path: Path) -> None:
    jobs = face_jobs(media / "faces.tar", tmp_path)
    prepare(jobs, processes=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    done = []
    prepare(jobs, processes=1, on_done=lambda *args: done.append(args))
    assert not done
    first = next(iter(before))
    first.unlink()
    prepare(jobs, processes=1, on_done=lambda *args: done.append(args))
    assert len(done) == 1
    assert first.exists()


def test_clips_keep_what_the_table_says(media: Path) -> None:
    clips = read_clips(media / "clips.csv")
    assert [(clip.split, clip.face.fake, clip.face.pair) for clip in clips[:2]] == [
        ("train", False, "p0"),
        ("train", True, "p0"),
    ]
    assert clip_jobs(media / "clips.csv", Path("out"))[0].folder == Path("out/clips/train")


@pytest.mark.parametrize(
    ("text", "message"),
    [("file,label\na,real\n", "'split' is missing"), ("file,split,label\na,train,maybe\n", "line 2")],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(text)
    with pytest.raises(CommandError, match=message):
        call_command("prepare", clips=[table], out=tmp_path)
