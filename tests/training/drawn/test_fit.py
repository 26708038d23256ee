"""A detector with a second look learns to tell drawings, and then abstains of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of, unpin
from ml_app.detection.checkpoints.metadata import DrawnMetadata
from ml_app.detection.runtime.detector import Detector
from ml_app.training.data.shards import read_shards
from ml_app.training.drawn.examples import Example, examples
from ml_app.training.drawn.fit import Seen, fit, measure
from ml_app.training.drawn.styles import STYLES
from ml_app.training.workflow import split_folders
from tests.detection.runtime.test_onnx_runtime import with_second_look


def made(prepared: Path, drawings: int = 2) -> list[Example]:
    shards = [shard for folder in split_folders(prepared, "train") for shard in read_shards(folder)]
    return list(examples(shards, drawings=drawings, size=64, margin=1.1, seed=3))


def test_examples_are_photographs_twice_and_drawings_of_every_style(prepared: Path) -> None:
    found, again = made(prepared), made(prepared)
    photographs = [example for example in found if not example.style]
    drawings = [example for example in found if example.style]
    assert [example.style for example in drawings] == [style for style in STYLES for _ in range(2)]
    assert len(photographs) % 2 == 0
    assert {example.picture for example in photographs} == {True, False}
    assert all(example.image.shape == (64, 64, 3) for example in found)
    assert all(np.array_equal(one.image, two.image) for one, two in zip(found, again, strict=True))
    for plain, changed in zip(photographs[::2], photographs[1::2], strict=True):
        assert not np.array_equal(plain.image, changed.image)
        assert plain.generator == changed.generator


def seen(apart: float) -> Seen:
    """Photographs of four sources about nothing, drawings of two styles `apart` from them."""
    rng = np.random.default_rng(0)
    styles = np.array([""] * 200 + ["ink"] * 50 + ["oil"] * 50)
    moments = rng.normal(0, 1, (300, 8)).astype(np.float32)
    moments[styles != ""] += apart
    sources = np.array([f"source {number % 4}" for number in range(300)])
    return Seen(moments, styles, sources, np.arange(300) % 5 == 0)


def test_photographs_set_the_thresholds() -> None:
    clear, useless = measure(seen(3.0)), measure(seen(0.0))
    told, guessed = (found.figures["styles_left_out"] for found in (clear, useless))
    assert told["ink"]["recall"] > 0.95
    assert told["oil"]["auc"] > 0.99
    assert guessed["ink"]["recall"] < 0.1  # what cannot be told is not taken for a drawing
    assert clear.picture_threshold >= clear.threshold
    assert clear.figures["photographs"] == 200


def test_both_classes_count_alike() -> None:
    data = seen(3.0)
    reading = fit(data.moments, data.drawn)
    logits = reading.logits(data.moments)
    assert logits[data.drawn].mean() > 0 > logits[~data.drawn].mean()


def test_the_command_adds_a_file_and_changes_no_other(prepared: Path, tmp_path: Path) -> None:
    models = with_second_look(tmp_path)
    before = {path.name: sha256_of(path) for path in (models / "light").glob("*.safetensors")}
    with pytest.raises(CommandError, match="no prepared train faces"):
        call_command("fit_drawn", "light", models=models, data=tmp_path, training_data="none")
    call_command("fit_drawn", "light", models=models, data=prepared, training_data="tiny", drawings=2)
    folder = open_folder(models, "light")
    assert folder.drawn is not None
    after = {path.name: sha256_of(path) for path in (models / "light").glob("*.safetensors")}
    assert after == before | {folder.drawn.path.name: folder.drawn.sha256}
    about = read_metadata(folder.drawn.path, DrawnMetadata)
    assert about.training_data == "tiny"
    assert set(about.metrics["styles_left_out"]) == set(STYLES)
    detector = Detector.load(models, "light", 10, "cpu")
    assert detector.drawn is not None
    assert detector.drawn.threshold == about.threshold
    unpin(folder.drawn.path)
    assert open_folder(models, "light").drawn is None
    unpin(folder.drawn.path)  # again, of what is not there
    assert {path.name: sha256_of(path) for path in (models / "light").glob("*.safetensors")} == before
