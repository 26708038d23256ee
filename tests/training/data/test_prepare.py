"""Preparing faces: followed, resumed, spared by broken files, and leaking nothing between the splits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml_app.detection.faces.crops import crop, expand_box
from ml_app.detection.findings import Box
from ml_app.training.data import prepare as preparing
from ml_app.training.data.augmentation import centre
from ml_app.training.data.cropping import follow, sampled
from ml_app.training.data.leakage import check_no_leak, take_out_shared
from ml_app.training.data.prepare import jobs_of, prepare
from ml_app.training.data.shards import CropFormat, read_shards
from ml_app.training.readers import read_set
from ml_app.training.recipe import Recipe
from ml_app.training.workflow import train_backbone
from tests.media import Image, make_clip, picture
from tests.training.conftest import face_picture, run_here, swapped
from tests.training.dying import die_on_text


def test_every_source_is_prepared(prepared: Path) -> None:
    faces = [face for shard in read_shards(prepared / "faces/train") for face in shard.faces]
    assert [face.source for face in faces] == [f"train/face{i}.jpg" for i in range(4)]
    pairs = [face for shard in read_shards(prepared / "pairs/train") for face in shard.faces]
    assert {(face.pair, face.fake) for face in pairs} == {
        (f"v{i}", f) for i in range(3) for f in (True, False)
    }
    clips = list(read_shards(prepared / "clips/train"))
    assert len(clips) == 4
    assert len({shard.name for shard in clips}) == 4
    for shard in clips:
        times = [face.time_s for face in shard.faces]
        assert len(times) == 12
        assert times == sorted(times)
        assert shard.is_clip
        assert shard.images.dtype == np.uint8
        assert shard.landmarks.shape == (12, 68, 2)


def test_no_file_no_hash_and_no_group_stands_in_two_splits(prepared: Path) -> None:
    check_no_leak(prepared)
    found: dict[str, dict[str, set[str]]] = {"train": {}, "dev": {}}
    for split, kinds in found.items():
        for folder in prepared.glob(f"*/{split}"):
            for shard in read_shards(folder):
                for image, face in zip(shard.images, shard.faces, strict=True):
                    for kind in ("source", "group", "pair", "sha256"):
                        value = getattr(face, kind)
                        assert value or kind == "pair"
                        kinds.setdefault(kind, set()).add(f"{folder.parent.name} {value}" if value else "")
                    kinds.setdefault("crop", set()).add(image.tobytes().hex())
    for kind, values in found["train"].items():
        assert values
        assert not (values & found["dev"][kind]) - {""}, kind


def test_a_person_in_both_splits_stops_the_training(prepared: Path, tmp_path: Path, recipe: Recipe) -> None:
    leaking = tmp_path / "leaking"
    shutil.copytree(prepared, leaking)
    for file in (leaking / "pairs/train").iterdir():
        shutil.copy(file, leaking / "pairs/dev" / file.name)
    with pytest.raises(ValueError, match="stands in train and in dev"):
        train_backbone(recipe, leaking, tmp_path / "run")


def test_the_same_file_under_another_name_and_set_stops_the_training(
    media: Path, tmp_path: Path, recipe: Recipe
) -> None:
    for number, split in enumerate(("train", "dev")):
        folder = tmp_path / f"set{number}" / split
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / f"name{number}.png"), face_picture(1))
        run_here(jobs_of(read_set("faces", folder.parent), tmp_path / "out"))
    with pytest.raises(ValueError, match="same file stands in train and in dev: set0"):
        train_backbone(recipe, tmp_path / "out", tmp_path / "run")


def test_an_original_that_stands_in_train_under_another_name_is_taken_out_of_dev(
    media: Path, tmp_path: Path, recipe: Recipe
) -> None:
    for split, numbers in (("train", (1, 2)), ("dev", (2, 3))):
        for number in numbers:
            folder = tmp_path / "doubles" / split / f"{split}{number}"
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "real.jpg"), face_picture(number))
            cv2.imwrite(str(folder / "fake-a.jpg"), swapped(face_picture(number + (split == "dev"))))
    out = tmp_path / "out"
    run_here(jobs_of(read_set("pairs", tmp_path / "doubles"), out))
    taken = take_out_shared(out)
    assert sorted(taken) == ["dev/dev2/fake-a.jpg", "dev/dev2/real.jpg"]
    check_no_leak(out)
    (shard,) = read_shards(out / "doubles/dev")
    assert {face.source for face in shard.faces} == {"dev/dev3/fake-a.jpg", "dev/dev3/real.jpg"}
    assert len(shard.images) == len(shard.landmarks) == 2
    assert not take_out_shared(out)


def test_what_is_prepared_is_left_alone(media: Path, tmp_path: Path) -> None:
    jobs = jobs_of(read_set("faces", media / "faces.tar"), tmp_path)
    prepare(jobs, processes=1)
    first = next(tmp_path.rglob("*.json"))
    assert not prepare(jobs, processes=1)
    first.unlink()
    assert len(prepare(jobs, processes=1)) == 1
    assert first.exists()


def test_shards_of_an_earlier_version_are_read(media: Path, tmp_path: Path) -> None:
    run_here(jobs_of(read_set("faces", media / "faces.tar"), tmp_path))
    for index in tmp_path.rglob("*.json"):
        rows = json.loads(index.read_text())
        for row in rows:
            del row["sha256"]
        index.write_text(json.dumps(rows))
    (shard,) = read_shards(tmp_path / "faces/train")
    assert shard.faces[0].sha256 == ""
    check_no_leak(tmp_path)


def test_crops_of_another_side(media: Path, tmp_path: Path) -> None:
    listing = read_set("pairs", media / "pairs.tar")
    run_here(jobs_of(listing, tmp_path, CropFormat(side=96)))
    (shard,) = read_shards(tmp_path / "pairs/dev")
    assert shard.images.shape[1:] == (96, 96, 3)
    assert 60 < np.ptp(shard.landmarks[0], axis=0).max() < 96
    with pytest.raises(ValueError, match="96 pixels"):
        jobs_of(listing, tmp_path)


def test_crops_with_another_margin_and_fewer_frames(media: Path, tmp_path: Path) -> None:
    listing = read_set("clips", media / "clips.csv")
    run_here(jobs_of(listing, tmp_path, CropFormat(side=150, margin=1.5, clip_frames=3)))
    shards = list(read_shards(tmp_path / "clips/train"))
    assert {len(shard.faces) for shard in shards} <= {1, 2, 3}
    assert {shard.margin for shard in shards} == {1.5}
    sizes = [np.ptp(points, axis=0).max() for shard in shards for points in shard.landmarks]
    assert np.median(sizes) == pytest.approx(150 / 1.5, rel=0.05)
    with pytest.raises(ValueError, match=r"150 pixels at margin 1\.5"):
        jobs_of(listing, tmp_path, CropFormat(side=150, margin=1.4))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (CropFormat(side=8), "8 pixels are too small"),
        (CropFormat(margin=0.9), "between 1 and 3"),
        (CropFormat(clip_frames=0), "1 at least"),
    ],
)
def test_impossible_forms_are_refused(media: Path, tmp_path: Path, form: CropFormat, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        jobs_of(read_set("clips", media / "clips.csv"), tmp_path, form)


def test_a_stored_crop_is_shown_as_serving_would_cut_it() -> None:
    """Also wider than it was stored: beyond a picture both repeat its nearest pixels."""
    picture = np.random.default_rng(3).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    for margin, side in ((1.2, 120), (1.0, 100), (1.4, 140)):
        box = expand_box(Box(10, 10, 110, 110), margin)  # the landmarks' square is 100 px wide
        assert np.array_equal(centre(picture, margin, side, stored=1.2), crop(picture, box, side))


def test_one_person_is_followed_through_a_cut(tmp_path: Path) -> None:
    """The face jumps across the picture after a third of the time: that is another track."""

    def draw(time_s: float) -> Image:
        return picture(0.78 if time_s < 0.5 else -0.78, size=(640, 360))

    path = make_clip(tmp_path / "cut.mp4", size=(640, 360), seconds=1.5, fps=10, draw=draw)
    tracks = follow(sampled(path, 120))
    assert sorted(len(track) for track in tracks) == [5, 10]


def test_sampled_frames_are_few_and_spread(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=2, fps=10)
    times = [time_s for time_s, _ in sampled(path, 5)]
    assert times == pytest.approx([0, 0.5, 0.9, 1.4, 1.9], abs=0.11)
    assert len(list(sampled(path, 100))) == 20


@pytest.fixture
def broken(media: Path, tmp_path: Path) -> Path:
    """A folder with good clips, one that breaks off, and several that cannot be used."""
    root = tmp_path / "broken"
    for label in ("real", "fake"):
        (root / "train" / label).mkdir(parents=True)
        shutil.copy(media / f"{label}0.mp4", root / "train" / label / "good.mp4")
    real = root / "train/real"
    (real / "empty.mp4").touch()
    (real / "text.mp4").write_text("no video")
    (real / "text.jpg").write_text("no picture")
    cv2.imwrite(str(real / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    make_clip(real / "nobody.mp4", seconds=0.5, fps=10, people=0)
    data = (media / "real0.mp4").read_bytes()
    (real / "cut.mp4").write_bytes(data[: len(data) // 3])
    return root


def test_a_broken_file_is_reported_and_passed_over(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    call_command("prepare", folder=[broken], out=out, processes=1)
    text = (out / "skipped.csv").read_text()
    for name in ("empty.mp4", "text.mp4", "cut.mp4"):
        assert f"train/real/{name},not a readable video" in text
    assert "train/real/text.jpg,not a readable picture" in text
    assert "train/real/nobody.mp4,no face found" in text
    assert "train/real/grey.png,no face found" in text
    assert "6 files were passed over" in capsys.readouterr().out
    assert {s.faces[0].source for s in read_shards(out / "broken/train")} == {
        "train/real/good.mp4",
        "train/fake/good.mp4",
    }
    table = (out / "broken.csv").read_text().splitlines()
    assert table[0] == "file,split,label,family,generator_or_corpus,pair,person"
    # What could not be read is tried again, what has no face is not.
    call_command("prepare", folder=[broken], out=out, processes=1)
    assert "3 files were passed over" in capsys.readouterr().out


def test_a_file_that_kills_its_process_is_passed_over_alone(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "run_job", die_on_text)
    wanted = ("good", "text", "empty")
    jobs = [job for job in jobs_of(read_set("folder", broken), tmp_path / "out") if job.name.endswith(wanted)]
    outcomes = prepare(jobs, processes=2)
    assert len(outcomes) == len(jobs)
    reasons = dict(found for outcome in outcomes for found in outcome.skipped)
    assert "process died" in reasons["train/real/text.mp4"]
    assert sum("process died" in reason for reason in reasons.values()) == 1
    assert sum(outcome.faces > 0 for outcome in outcomes) == 2


def test_two_sets_of_one_name_and_nothing_at_all_are_refused(media: Path, tmp_path: Path) -> None:
    shutil.copy(media / "faces.tar", tmp_path / "faces.tar")
    with pytest.raises(CommandError, match="Two sets are named 'faces'"):
        call_command("prepare", faces=[media / "faces.tar", tmp_path / "faces.tar"], out=tmp_path)
    with pytest.raises(CommandError, match="--celebdf"):
        call_command("prepare", out=tmp_path)
    with pytest.raises(CommandError, match="there is no"):
        call_command("prepare", dfdc=[tmp_path / "dfdc"], out=tmp_path)
