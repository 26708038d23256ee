"""Published landmark networks of Keras: imported, and saying of a clip what torch says with their weights."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from django.core.management import call_command
from torch import nn

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Reason, Verdict
from ml_app.detection.pipeline import analyse, people_of
from ml_app.detection.runtime.detector import Detector
from tests.detection.importing.keras_files import (
    FRAMES,
    KerasLayer,
    dense,
    dropout,
    published_like,
    write_keras,
    write_range,
)

Clips = Callable[..., Path]


class Twin(nn.Module):
    """The network of `published_like` in torch, filled with its weights."""

    def __init__(self, layers: Sequence[KerasLayer]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(136, 16, 3), nn.Conv1d(16, 12, 3, padding="same")
        self.norm = nn.BatchNorm1d(16, eps=0.001)
        self.lstms = nn.ModuleList([nn.LSTM(12, 8, batch_first=True), nn.LSTM(8, 6, batch_first=True)])
        self.inner, self.outer = nn.Linear(6, 5), nn.Linear(5, 1)
        named = {layer.config["name"]: layer for layer in layers}
        for module, name in ((self.first, "conv1d"), (self.second, "conv1d_1")):
            fill(module.weight, named[name].named("kernel").transpose(2, 1, 0))
            fill(module.bias, named[name].named("bias"))
        norm = named["batch_normalization"]
        fill(self.norm.weight, norm.named("gamma"))
        fill(self.norm.bias, norm.named("beta"))
        fill(self.norm.running_mean, norm.named("moving_mean"))
        fill(self.norm.running_var, norm.named("moving_variance"))
        for module, name in zip(self.lstms, ("lstm", "lstm_1"), strict=True):
            fill(module.weight_ih_l0, named[name].named("kernel").T)
            fill(module.weight_hh_l0, named[name].named("recurrent_kernel").T)
            fill(module.bias_ih_l0, named[name].named("bias"))
            fill(module.bias_hh_l0, np.zeros(module.bias_hh_l0.shape))
        for module, name in ((self.inner, "dense"), (self.outer, "dense_1")):
            fill(module.weight, named[name].named("kernel").T)
            fill(module.bias, named[name].named("bias"))
        self.eval()

    def forward(self, scaled: torch.Tensor) -> torch.Tensor:
        inner = self.norm(nn.functional.max_pool1d(torch.relu(self.first(scaled.transpose(1, 2))), 2))
        inner = torch.relu(self.second(inner)).transpose(1, 2)
        for lstm in self.lstms:
            inner = lstm(inner)[0]
        return torch.sigmoid(self.outer(torch.relu(self.inner(inner[:, -1]))))[:, 0]


def fill(parameter: torch.Tensor, value: npt.NDArray[Any]) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(np.ascontiguousarray(value)))


def answer(twin: Twin, points: npt.NDArray[Any]) -> float:
    """What the network says of (10, 136) landmarks in pixels, between 0 and 400."""
    with torch.inference_mode():
        return float(twin(torch.tensor(points / 400.0, dtype=torch.float32)[None])[0])


def install(file: Path, models: Path, settings: Any, *arguments: str, name: str = "points") -> str:
    settings.MODELS_DIR, settings.DEVICE, output = models, "cpu", io.StringIO()
    call_command("import_checkpoint", str(file), "--name", name, *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a published model."""
    folder = tmp_path_factory.mktemp("published")
    write_keras(folder / "model.h5", published_like())
    write_range(folder)
    return folder


@pytest.fixture
def models(source: Path, tmp_path: Path, settings: Any) -> Path:
    """A models folder with the imported detector."""
    install(source / "model.h5", tmp_path / "models", settings)
    return tmp_path / "models"


def test_a_clip_from_import_to_verdict(models: Path, clips: Clips, pool: FacePool) -> None:
    detector = Detector.load(models, "points", FRAMES, "cpu")
    clip = clips(seconds=1)
    (person,) = people_of(clip, detector, frames=FRAMES, pool=pool).persons
    expected = answer(
        Twin(published_like()), np.stack([seen.sighting.landmarks.reshape(136) for seen in person])
    )
    output = io.StringIO()
    call_command("analyze", str(clip), "--detector", "points", "--json", stdout=output)
    line = json.loads(output.getvalue())
    assert line["error"] is None
    assert line["frames_requested"] == FRAMES
    assert line["fake_probability"] == pytest.approx(expected, abs=1e-5)
    assert line["verdict"] == ("fake" if expected >= 0.5 else "real")
    (face,) = line["faces"]
    assert {frame["fake_probability"] for frame in face["frames"]} == {line["fake_probability"]}
    assert line["detector"]["architecture"] == "keras_sequential"


def test_it_says_what_an_independent_computation_says(models: Path) -> None:
    detector, twin = Detector.load(models, "points", FRAMES, "cpu"), Twin(published_like())
    detector.warm_up()
    rng, answers = np.random.default_rng(1), []
    for _ in range(20):
        points = rng.uniform(0, 400, (FRAMES, 136)).astype(np.float32)
        (scores,) = detector.score_embeddings([points], second=None)
        answers.append(1 / (1 + np.exp(-scores.person)))
        assert answers[-1] == pytest.approx(answer(twin, points), abs=1e-5)
    assert max(answers) - min(answers) > 0.3  # they hang on the points


def test_the_checkpoint_tells_all_that_is_needed(models: Path, source: Path) -> None:
    (head,) = open_folder(models, "points").heads.values()
    metadata = read_metadata(head.path, HeadMetadata)
    assert metadata.frame_count == FRAMES
    assert metadata.label_order == ("fake",)
    assert metadata.calibration.fitted_on == ""
    assert metadata.preprocessing.reads == "landmarks"
    assert "Converted from model.h5, SHA-256" in metadata.training_data
    assert [layer.kind for layer in metadata.layers][:3] == ["reshape", "conv1d", "max_pooling1d"]
    assert "dropout" not in {layer.name for layer in metadata.layers}


def test_points_that_moved_oddly_are_drawn(models: Path, clips: Clips, pool: FacePool) -> None:
    findings = analyse(
        clips(seconds=1), Detector.load(models, "points", FRAMES, "cpu"), frames=FRAMES, pool=pool
    )
    drawn = [frame.heatmap for frame in findings.faces[0].frames if frame.heatmap]
    assert len(drawn) == 3
    layer = cv2.imdecode(np.frombuffer(drawn[0], np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.count_nonzero(layer[..., 3]) > 68


def test_what_a_point_adds_is_what_is_missing_without_its_movement(models: Path) -> None:
    detector = Detector.load(models, "points", FRAMES, "cpu")
    points = np.full((12, 136), 200, np.float32)
    points[5, 2 * 30] += 150
    times = [i / 25 for i in range(12)]
    (told,) = detector.odd_points(points, times, [5])
    (other,) = detector.odd_points(points, times, [11])  # beyond what is read
    assert not other.any()
    still = np.full((12, 136), 200, np.float32)
    (moving, resting) = detector.score_embeddings([points, still], second=None)
    assert told[30] == pytest.approx(max(0.0, moving.person - resting.person), abs=1e-5)
    assert not np.delete(told, 30).any()


def test_too_few_frames_are_not_judged(models: Path, clips: Clips, pool: FacePool) -> None:
    detector = Detector.load(models, "points", FRAMES, "cpu")
    findings = analyse(clips(seconds=0.24), detector, frames=FRAMES, pool=pool)
    assert (findings.verdict, findings.reason) == (Verdict.NOT_ANALYSABLE, Reason.TOO_FEW_FRAMES)


def test_one_frame_that_is_missing_is_filled_by_the_one_before(models: Path) -> None:
    detector = Detector.load(models, "points", FRAMES, "cpu")
    points = np.random.default_rng(0).uniform(0, 400, (FRAMES, 136)).astype(np.float32)
    points[1] = points[0]
    whole, lacking = detector.score_embeddings([points, points[1:]], second=None)
    assert lacking.person == whole.person
    assert len(lacking.frames) == FRAMES - 1
    assert detector.can_judge([0.0] * 9)
    assert not detector.can_judge([0.0] * 8)


def test_serving_needs_neither_torch_nor_h5py(models: Path) -> None:
    code = (
        "import sys; sys.modules['h5py'] = sys.modules['torch'] = None; from pathlib import Path;"
        "from ml_app.detection.runtime.detector import Detector; import numpy as np;"
        f"detector = Detector.load(Path({str(models)!r}), 'points', 10, 'auto'); detector.warm_up();"
        "detector.score_embeddings([np.ones((10, 136), np.float32)], second=None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("classes", "activation", "sign"),
    [("real,fake", "sigmoid", 1), ("fake,real", "sigmoid", -1), ("real,fake", "softmax", 1),
     ("fake,real", "softmax", -1)],
)  # fmt: skip
def test_what_the_outputs_stand_for(
    classes: str, activation: str, sign: int, *, tmp_path: Path, settings: Any
) -> None:
    rng = np.random.default_rng(2)
    flat = KerasLayer("Flatten", {"name": "flatten", "batch_input_shape": [None, FRAMES, 68, 2]})
    last = dense("dense", 1360, 1 if activation == "sigmoid" else 2, rng, "linear")
    out = KerasLayer("Activation", {"name": "activation", "activation": activation})
    write_keras(tmp_path / "model.h5", [flat, last, out])
    write_range(tmp_path, np.zeros((1, 136)), np.full((FRAMES, 68, 2), 2.0))
    install(tmp_path / "model.h5", tmp_path / "models", settings, "--classes", classes)
    detector = Detector.load(tmp_path / "models", "points", FRAMES, "cpu")
    points = rng.uniform(0, 2, (FRAMES, 136)).astype(np.float32)
    values = points.reshape(-1) / 2 @ last.named("kernel") + last.named("bias")
    expected = values[0] if activation == "sigmoid" else values[1] - values[0]
    (scores,) = detector.score_embeddings([points], second=None)
    assert scores.person == pytest.approx(sign * expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["keras3", "list", "no version", "frames by option"])
def test_other_writers(kind: str, source: Path, tmp_path: Path, settings: Any) -> None:
    """Layouts of other versions give the same weights."""
    layers, version, config, arguments = published_like(), "2.11.0", None, []
    if kind == "keras3":
        policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
        first = layers[0].config
        shape = first.pop("batch_input_shape")
        layers.insert(0, KerasLayer("InputLayer", {"name": "input_layer", "batch_shape": shape}))
        first["dtype"], version = policy, "3.4.1"
        for layer in layers:
            layer.weights = {f"sequential/{path[:-2]}": value for path, value in layer.weights.items()}
    elif kind == "list":
        config = {
            "class_name": "Sequential",
            "config": [{"class_name": layer.class_name, "config": layer.config} for layer in layers],
        }
    elif kind == "no version":
        version = ""
    else:
        layers[0].config["batch_input_shape"] = [None, None, 136]
        arguments = ["--frames", "10"]
    write_keras(tmp_path / "model.hdf5", layers, config=config, version=version)
    arrays = ["--min-values", str(source / "min_val.npy"), "--max-values", str(source / "max_val.npy")]
    models = tmp_path / "models"
    told = install(tmp_path / "model.hdf5", models, settings, *arrays, *arguments)
    assert "'points' for 10 frames" in told
    assert "--classes fake,real" in told
    points = np.random.default_rng(3).uniform(0, 400, (FRAMES, 136)).astype(np.float32)
    (scores,) = Detector.load(models, "points", FRAMES, "cpu").score_embeddings([points], second=None)
    expected = answer(Twin(published_like()), points)
    assert 1 / (1 + np.exp(-scores.person)) == pytest.approx(expected, abs=1e-5)


def test_dropout_may_come_last(tmp_path: Path, settings: Any) -> None:
    """It does nothing, so what stands before it is the output."""
    write_keras(tmp_path / "model.h5", [*published_like(), dropout("dropout_2")])
    write_range(tmp_path)
    assert "Installed" in install(tmp_path / "model.h5", tmp_path / "models", settings)
