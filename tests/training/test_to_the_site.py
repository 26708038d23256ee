"""The four commands from clips to a detector that the site uses, with a kill of a real process in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from django.core.management import CommandError, call_command

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.training.fitting.backbone import LAST, LOG
from ml_app.training.recipe import Phase, Recipe, load_recipe
from ml_app.training.workflow import load_backbone
from ml_app.web.detector_figures import detector_figures

ROOT = Path(__file__).parents[2]
STEPS = 200  # some seconds of them


@pytest.fixture
def work(recipe: Recipe, tmp_path: Path) -> Iterator[Path]:
    """A folder with the recipe as a file."""
    long = replace(recipe, phases=(Phase(32, STEPS, 8),), save_every=10, measure_every=100)
    content = {key: value for key, value in asdict(long).items() if value != ""}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(content))))
    assert load_recipe(tmp_path / "small.yaml") == long
    yield tmp_path


def start(work: Path, run: str, *more: str) -> subprocess.Popen[str]:
    """`manage.py train` as a process of its own."""
    arguments = [
        "train",
        str(work / "small.yaml"),
        "--data",
        str(work / "prepared"),
        "--run",
        str(work / run),
    ]
    command = [sys.executable, "-m", "tests.training.driver", *arguments, *more]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def step_of(run: Path) -> int:
    lines = (run / LOG).read_text().splitlines() if (run / LOG).exists() else []
    return int(lines[-1].split(",")[0]) if len(lines) > 1 else 0


def kill_after(process: subprocess.Popen[str], run: Path, step: int) -> int:
    """kill -9 once the log has reached a step; returns the step that the log stands at."""
    while step_of(run) < step:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return step_of(run)


@pytest.mark.processes
def test_four_commands_lead_from_clips_to_the_site(
    work: Path, media: Path, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    sets = {"faces": [media / "faces.tar"], "pairs": [media / "pairs.tar"], "clips": [media / "clips.csv"]}
    call_command("prepare", **sets, out=work / "prepared", processes=1)
    models = work / "models"

    run = work / "killed"
    assert 20 <= kill_after(start(work, "killed"), run, 20) < STEPS
    described = {"training_data": "made-up clips", "licence": "none"}
    with pytest.raises(CommandError, match="run `train` again"):
        call_command("export", str(work / "small.yaml"), run=run, models=models, **described)
    output, _ = (last := start(work, "killed")).communicate()
    assert last.returncode == 0, output
    torch.set_num_threads(1)  # as there, for another number of threads adds up in another order
    where = {"data": work / "prepared", "run": work / "whole"}
    call_command("train", str(work / "small.yaml"), only="backbone", **where)
    weights, expected = (torch.load(work / name / LAST, weights_only=True) for name in ("killed", "whole"))
    for part in ("model", "average"):
        assert all(torch.equal(tensor, weights[part][name]) for name, tensor in expected[part].items())
    steps = [int(line.split(",")[0]) for line in (run / LOG).read_text().splitlines()[1:]]
    assert steps == list(range(10, STEPS + 1, 10))

    # export, calibrate
    call_command("export", str(work / "small.yaml"), run=run, models=models, **described)
    call_command(
        "calibrate",
        "small",
        clips=media / "clips.csv",
        pairs=[media / "pairs.tar"],
        faces=[media / "faces.tar"],
        models=models,
        cache=work / "c",
    )
    printed = capsys.readouterr().out
    assert "Pair accuracy (2 pairs)" in printed
    assert "Pictures: AUC (n = 4)" in printed
    for frames, pinned in open_folder(models, "small").heads.items():
        metadata = read_metadata(pinned.path, HeadMetadata)
        assert frames in (4, 8)
        assert metadata.architecture == "tiny_lstm"
        assert metadata.metrics["auc"]["n"] == 4
        assert sum(row["n"] for row in metadata.metrics["reliability"]) == 4
        assert 0 <= metadata.metrics["ece"]["value"] <= 1
        assert (metadata.pictures is not None) is (frames == 4)  # the head that judges pictures
        assert metadata.calibration.slope > 0
        assert metadata.calibration.fitted_on
        decision = metadata.decision
        assert decision.uncertain_low <= decision.threshold <= decision.uncertain_high

    # the site
    settings.MODELS_DIR = models
    for head in detector_figures(name="small"):  # what the Models page draws
        assert sum(row.n for row in head.bins) == 4
    detector = Detector.load(models, "small", 8)
    recipe = load_recipe(work / "small.yaml")
    crops = [np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)]
    model = load_backbone(recipe, run)
    with torch.inference_mode():
        trained = model.embeddings(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))
    assert np.allclose(detector.embed(crops), trained.numpy(), atol=0.05)
    (face,) = analyse(media / "fake3.mp4", detector, frames=8).faces
    assert 0 < (face.fake_probability or 0) < 1
    assert len(face.frames) == 8
