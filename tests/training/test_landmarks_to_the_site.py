"""From clips to a landmark detector that the site and the command line use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from django.core.management import CommandError, call_command

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder, pin
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata
from ml_app.detection.networks.landmark_motion import LANDMARKS
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.training.data.shards import Face, write_shard
from ml_app.training.fitting.landmark_clips import TrackedClip, draw_windows, fit_motion, measured, thinned
from ml_app.training.fitting.landmarks import _parted, _persons, fit_landmark_head
from ml_app.training.landmarks import SAMPLING
from ml_app.training.recipe import RECIPES, Heads, RecipeError, load_recipe
from ml_app.web.detector_figures import detector_figures
from tests.detection.landmark_faces import face

SETTINGS = Heads(hidden=4, steps=40, batch=8, learning_rate=0.01, held_out=0.5, dropout=0.1, noise=0.1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    content = {
        "name": "moving",
        "version": "1",
        "backbone": LANDMARKS,
        "phases": [],
        "margin": 1.42,
        "margins": [1.42, 1.42],
        "heads": {"frame_counts": [8, 10], "hidden": 4, "steps": 20, "batch": 4, "held_out": 0.5},
    }
    path = tmp_path / "moving.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_four_commands_lead_from_clips_to_the_site(
    recipe: Path,
    media: Path,
    tmp_path: Path,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work, models, described = tmp_path, tmp_path / "models", {"training_data": "made-up", "licence": "none"}
    call_command("prepare", clips=[media / "clips.csv"], out=work / "prepared", processes=1)
    with pytest.raises(CommandError, match="run `train`"):
        call_command("export", str(recipe), run=work / "run", models=models, **described)
    call_command("train", str(recipe), data=work / "prepared", run=work / "run")
    call_command("export", str(recipe), run=work / "run", models=models, **described)
    call_command("calibrate", "moving", clips=media / "clips.csv", models=models, cache=work / "c")
    folder = open_folder(models, "moving")
    assert read_metadata(folder.backbone.path, BackboneMetadata).backbone == LANDMARKS
    for frames, pinned in folder.heads.items():
        head = read_metadata(pinned.path, HeadMetadata)
        assert frames in (8, 10)
        assert (head.architecture, head.preprocessing.reads) == ("landmarks_lstm", "landmarks")
        assert head.metrics["auc"]["n"] == 4
        assert head.calibration.fitted_on
        assert head.sampling.pattern == "bursts"
        assert head.pictures is None

    written = {frames: pinned.path.stat().st_mtime_ns for frames, pinned in folder.heads.items()}
    call_command(
        "calibrate", "moving", clips=media / "clips.csv", models=models, cache=work / "c", frames=[8]
    )
    again = {frames: pinned.path.stat().st_mtime_ns for frames, pinned in folder.heads.items()}
    assert again[8] > written[8]
    assert again[10] == written[10]
    with pytest.raises(CommandError, match="no head for 9 frames"):
        call_command("calibrate", "moving", clips=media / "clips.csv", models=models, frames=[9])

    settings.MODELS_DIR = models
    assert [head.reads for head in detector_figures(name="moving")] == ["landmarks"] * 2
    (person,) = analyse(media / "fake3.mp4", Detector.load(models, "moving", 10), frames=10).faces
    assert len({frame.fake_probability for frame in person.frames}) > 2
    assert sum(frame.heatmap is not None for frame in person.frames) == 3
    capsys.readouterr()
    call_command("analyze", str(media / "fake3.mp4"), detector="moving", frames=10, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["detector"]["architecture"] == "landmarks_lstm"
    assert told["faces"][0]["fake_probability"] == pytest.approx(person.fake_probability, abs=1e-6)
    call_command(
        "evaluate",
        clips=media / "clips.csv",
        split="dev",
        detector="moving",
        models=models,
        frames=10,
        report=work / "report",
        cache=work / "judged",
        resamples=10,
    )
    assert json.loads((work / "report" / "metrics.json").read_text())["overall"]["auc"]["n"] == 4


def _clips(generators: int) -> list[TrackedClip]:
    """Genuine faces tremble a little, manipulated ones more."""
    times = tuple(i * 0.08 for i in range(24))
    return [
        TrackedClip(
            face(list(times), seed, 0.3 + 0.5 * fake), times, fake, f"g{seed}", f"{fake}{seed % generators}"
        )
        for seed, fake in enumerate([False, True] * 12)
    ]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    for number, clip in enumerate(_clips(2)):
        face = Face(f"clip{number}", clip.group, clip.fake, generator=clip.generator)
        faces = [replace(face, time_s=time_s) for time_s in clip.times]
        images = np.zeros((len(faces), 32, 32, 3), dtype=np.uint8)
        points = clip.points.astype(np.float32)
        write_shard(tmp_path / "prepared/made-up/train", face.source, list(images), list(points), faces)
    return tmp_path / "prepared"


def test_heads_are_added_over_a_backbone_that_stays(recipe: Path, prepared: Path, tmp_path: Path) -> None:
    models, run, described = tmp_path / "models", tmp_path / "run", {"training_data": "x", "licence": "y"}
    installed = models / "moving"
    call_command("train", str(recipe), data=prepared, run=run)
    call_command("export", str(recipe), run=run, models=models, **described)
    before = {path: path.read_bytes() for path in installed.glob("*.safetensors")}
    with pytest.raises(CommandError, match="every number of frames"):
        call_command("train", str(recipe), data=prepared, run=run, onto=installed)
    recipe.write_text(recipe.read_text().replace("- 8\n", "- 8\n  - 12\n"))
    call_command("train", str(recipe), data=prepared, run=run, onto=installed)
    call_command("export", str(recipe), run=run, models=models, **described)
    assert sorted(open_folder(models, "moving").heads) == [8, 10, 12]
    assert len(before) == 3
    assert {path: path.read_bytes() for path in before} == before
    assert Detector.load(models, "moving", 12).info.frame_count == 12

    with pytest.raises(CommandError, match="no detector"):
        call_command("export", str(recipe), run=run, models=tmp_path / "elsewhere", **described)
    backbone = before[installed / "backbone.safetensors"]
    (installed / "backbone.safetensors").write_bytes(backbone + b" ")
    pin(installed / "backbone.safetensors", "backbone", None)
    with pytest.raises(CommandError, match="another backbone"):
        call_command("export", str(recipe), run=run, models=models, **described)


@pytest.mark.parametrize(
    ("rate", "total", "count", "length", "first"),
    [
        (30, 96, 40, 48, [0, 2, 4]),  # as the neighbours of a group
        (30, 96, 80, 80, [0, 1, 3]),  # too short for groups: the middles of equal parts
        (25, 80, 10, 40, [0, 2, 4]),
        (15, 48, 60, 48, [0, 1, 2]),
        (12.3, 40, 40, 40, [0, 1, 2]),  # prepared with no more
    ],
)
def test_a_head_learns_from_frames_as_serving_reads_them(
    rate: float, total: int, count: int, length: int, first: list[int]
) -> None:
    times = tuple(i / rate for i in range(total))
    points = np.arange(total, dtype=np.float64)[:, None, None] * np.ones((1, 68, 2))
    found = thinned(TrackedClip(points, times, False, "g", "x"), count, SAMPLING)
    assert len(found.times) == length
    assert found.points[:3, 0, 0].tolist() == first
    assert found.times[:3] == tuple(times[place] for place in first)


def test_a_head_learns_who_trembles() -> None:
    torch.manual_seed(0)
    motion = fit_motion(_clips(2))
    moving = measured(motion, _clips(2))
    fitted = fit_landmark_head(motion, moving, 16, SETTINGS, 0)
    windows, clips = draw_windows(motion, moving, 16)
    with torch.inference_mode():
        logits = _persons(fitted.head, windows).numpy()
    fakes = np.array([clip.fake for clip in clips])
    assert logits[fakes].min() > logits[~fakes].max()
    assert fitted.loss <= fitted.loss_of_summary
    again = fit_landmark_head(motion, moving, 16, SETTINGS, 0)
    for name, tensor in fitted.head.state_dict().items():
        assert torch.equal(tensor, again.head.state_dict()[name])


@pytest.mark.parametrize(("generators", "name"), [(10, "generator"), (2, "group")])
def test_nothing_is_chosen_on_what_was_learned(generators: int, name: str) -> None:
    clips = _clips(generators)
    learn, held = _parted(measured(fit_motion(clips), clips), 0.3, np.random.default_rng(0))

    def names(clips: Sequence[Any]) -> set[str]:
        return {getattr(clip, name) for clip in clips}

    assert held
    assert not names(learn) & names(held)
    assert {clip.fake for clip in learn} == {clip.fake for clip in held} == {True, False}


def test_a_window_knows_nothing_of_frames_beyond_it() -> None:
    clips = _clips(2)
    motion = fit_motion(clips)
    (window,), _ = draw_windows(motion, measured(motion, clips[:1]), 10)
    assert [len(steps) for steps in window.strands] == [9]
    lonely = replace(clips[0], points=clips[0].points[:4], times=clips[0].times[:4])
    assert draw_windows(motion, measured(motion, [lonely]), 10) == ([], [])


def test_clips_of_one_kind_teach_nothing() -> None:
    with pytest.raises(ValueError, match="genuine and manipulated"):
        fit_motion([clip for clip in _clips(2) if clip.fake])


def test_the_shipped_recipe_has_no_phases(tmp_path: Path) -> None:
    assert load_recipe(RECIPES / "landmarks.yaml").reads_landmarks
    wrong = (RECIPES / "landmarks.yaml").read_text().replace("phases: []", "phases: [{size: 64, steps: 1}]")
    (tmp_path / "wrong.yaml").write_text(wrong)
    with pytest.raises(RecipeError, match="phases"):
        load_recipe(tmp_path / "wrong.yaml")
