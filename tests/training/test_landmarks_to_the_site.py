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
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata
from ml_app.detection.networks.landmark_motion import LANDMARKS
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.training.fitting.landmark_clips import TrackedClip, draw_windows, fit_motion
from ml_app.training.fitting.landmarks import _parted, _persons, fit_landmark_head
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


def test_a_head_learns_who_trembles() -> None:
    torch.manual_seed(0)
    motion, moving = fit_motion(_clips(2))
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
    _, moving = fit_motion(_clips(generators))
    learn, held = _parted(moving, 0.3, np.random.default_rng(0))

    def names(clips: Sequence[Any]) -> set[str]:
        return {getattr(clip, name) for clip in clips}

    assert held
    assert not names(learn) & names(held)
    assert {clip.fake for clip in learn} == {clip.fake for clip in held} == {True, False}


def test_a_window_knows_nothing_of_frames_beyond_it() -> None:
    clips = _clips(2)
    motion, moving = fit_motion(clips)
    (window,), _ = draw_windows(motion, moving[:1], 10)
    assert [len(steps) for steps in window.strands] == [9]
    lonely = replace(clips[0], points=clips[0].points[:4], times=clips[0].times[:4])
    assert draw_windows(motion, fit_motion([lonely, *clips[1:]])[1][:1], 10) == ([], [])


def test_clips_of_one_kind_teach_nothing() -> None:
    with pytest.raises(ValueError, match="genuine and manipulated"):
        fit_motion([clip for clip in _clips(2) if clip.fake])


def test_the_shipped_recipe_has_no_phases(tmp_path: Path) -> None:
    assert load_recipe(RECIPES / "landmarks.yaml").reads_landmarks
    wrong = (RECIPES / "landmarks.yaml").read_text().replace("phases: []", "phases: [{size: 64, steps: 1}]")
    (tmp_path / "wrong.yaml").write_text(wrong)
    with pytest.raises(RecipeError, match="phases"):
        load_recipe(tmp_path / "wrong.yaml")
