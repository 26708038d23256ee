"""Checkpoint files that describe themselves, and everything that can be wrong with them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ml_app.detection.checkpoints.files import _header, read_metadata
from ml_app.detection.checkpoints.manifest import available, open_folder, pin
from ml_app.detection.checkpoints.metadata import (
    Calibration,
    Decision,
    HeadMetadata,
    PictureMeasurement,
    Preprocessing,
    Sampling,
)
from ml_app.detection.errors import CheckpointError
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.runtime.device import choose_device
from ml_app.detection.runtime.pytorch import TorchNetwork
from tests.detection.conftest import write_detector


@pytest.fixture
def copy(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder of one's own to spoil."""
    return Path(shutil.copytree(models_dir, tmp_path / "models"))


def rewrite(path: Path, **changes: Any) -> None:
    """Change what a head says of itself (None takes a key away), and pin the new hash."""
    data = _header(path)["__metadata__"]["checkpoint"]
    merged = {**json.loads(data), **changes}
    text = json.dumps({key: value for key, value in merged.items() if value is not None})
    save_file(load_file(path), path, metadata={"checkpoint": text})
    pin(path, "head", 10)


def code_of(models_dir: Path, name: str = "tiny", frames: int = 10) -> str:
    with pytest.raises(CheckpointError) as caught:
        Detector.load(models_dir, name, frames, "cpu")
    assert str(models_dir) not in caught.value.message + caught.value.detail
    assert caught.value.message.endswith((".", "?"))
    return caught.value.code


def test_what_was_written_is_read(tmp_path: Path) -> None:
    preprocessing = Preprocessing(96, 1.4, crop="box", colour_order="BGR", mean=(0.1, 0.2, 0.3))
    decision = Decision(0.6, 0.5, 0.7)
    write_detector(
        tmp_path, "own", (40,), preprocessing=preprocessing, sampling=Sampling("bursts", 4), decision=decision
    )
    folder = open_folder(tmp_path, "own")
    metadata = read_metadata(folder.heads[40].path, HeadMetadata)
    assert metadata.preprocessing == preprocessing
    assert metadata.sampling == Sampling("bursts", 4)
    assert metadata.decision == decision
    assert metadata.frame_count == 40
    assert metadata.backbone_sha256 == folder.backbone.sha256


@pytest.mark.parametrize(("frames", "nearest"), [(1, 10), (10, 10), (14, 10), (15, 20), (16, 20), (100, 20)])
def test_the_nearest_head_is_used_and_said(models_dir: Path, frames: int, nearest: int) -> None:
    detector = Detector.load(models_dir, "tiny", frames, "cpu")
    assert detector.info.frame_count == nearest
    assert detector.notes == (() if frames == nearest else ("nearest_head",))


def test_heads_share_one_backbone_in_memory(models_dir: Path) -> None:
    one, other = (Detector.load(models_dir, "tiny", frames, "cpu") for frames in (10, 20))
    assert isinstance(one.network, TorchNetwork)
    assert isinstance(other.network, TorchNetwork)
    assert one.network.backbone is other.network.backbone


def test_the_detectors_of_a_folder_are_listed(copy: Path) -> None:
    write_detector(copy, "another", (40,))
    (copy / "broken").mkdir()
    (copy / "broken" / "manifest.json").write_text("{")
    assert [folder.name for folder in available(copy)] == ["another", "tiny"]
    assert list(available(copy)[1].heads) == [10, 20]
    assert available(copy / "nowhere") == ()


def test_a_missing_detector_names_those_that_are_there(models_dir: Path) -> None:
    with pytest.raises(CheckpointError, match=r"'huge'.*Installed: tiny") as caught:
        open_folder(models_dir, "huge")
    assert caught.value.code == "no_detector"


@pytest.mark.parametrize("name", ["..", "../tiny", "", ".", "tiny/../tiny"])
def test_a_name_cannot_leave_the_folder(models_dir: Path, name: str) -> None:
    assert code_of(models_dir, name) == "no_detector"


@pytest.mark.parametrize("file", ["head-10.safetensors", "backbone.safetensors"])
def test_a_changed_file_is_refused(copy: Path, file: str) -> None:
    path = copy / "tiny" / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert code_of(copy) == "hash_mismatch"


@pytest.mark.parametrize("file", ["head-10.safetensors", "backbone.safetensors"])
def test_a_missing_file_is_told(copy: Path, file: str) -> None:
    (copy / "tiny" / file).unlink()
    assert code_of(copy) == "bad_checkpoint"


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "files": {}}',
        '{"format": 1, "files": {}}',
        '{"format": 1, "files": {"../x": {"kind": "backbone", "sha256": ""}}}',
        '{"format": 1, "files": {"x": {"kind": "head", "sha256": "", "frame_count": "many"}}}',
    ],
)
def test_a_bad_manifest_is_told(copy: Path, manifest: str) -> None:
    (copy / "tiny" / "manifest.json").write_text(manifest)
    assert code_of(copy) == "bad_manifest"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 99}, "format 99"),
        ({"kind": "backbone"}, "not a head"),
        ({"frame_count": None}, "frame_count is missing"),
        ({"frame_count": "ten"}, "frame_count has the value 'ten'"),
        ({"frame_count": True}, "frame_count has the value True"),
        ({"preprocessing": {"image_size": 64}}, "preprocessing.margin is missing"),
        ({"preprocessing": {"image_size": 64, "margin": 1, "colour_order": "GRB"}}, "colour_order"),
        ({"preprocessing": {"image_size": 64, "margin": 1, "mean": [0.5]}}, "mean"),
        ({"decision": {"threshold": "high"}}, "decision.threshold"),
    ],
)
def test_incomplete_metadata_is_told(copy: Path, changes: dict[str, Any], says: str) -> None:
    rewrite(copy / "tiny" / "head-10.safetensors", **changes)
    with pytest.raises(CheckpointError) as caught:
        Detector.load(copy, "tiny", 10, "cpu")
    assert caught.value.code == "bad_checkpoint"
    assert says in caught.value.detail


def test_keys_of_a_newer_writer_are_ignored(copy: Path) -> None:
    rewrite(copy / "tiny" / "head-10.safetensors", invented_later={"a": 1})
    assert Detector.load(copy, "tiny", 10, "cpu").info.frame_count == 10


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"backbone_sha256": "0" * 64}, "wrong_backbone"),
        ({"architecture": "transformer"}, "unknown_architecture"),
        ({"dimensions": {"depth": 3}}, "unknown_architecture"),
        ({"dimensions": {"channels": 99, "projection": 8, "hidden": 8}}, "wrong_shapes"),
    ],
)
def test_parts_that_do_not_fit_are_told(copy: Path, changes: dict[str, Any], code: str) -> None:
    rewrite(copy / "tiny" / "head-10.safetensors", **changes)
    assert code_of(copy) == code


def test_a_file_that_is_no_checkpoint_is_told(copy: Path) -> None:
    path = copy / "tiny" / "head-10.safetensors"
    path.write_bytes(b"<html>not found</html>")
    pin(path, "head", 10)
    assert code_of(copy) == "bad_checkpoint"


def test_devices(models_dir: Path) -> None:
    assert choose_device("cpu").device.type == "cpu"
    assert choose_device("cpu", exact=True).dtype is torch.float32
    with pytest.raises(CheckpointError, match="auto, cpu or cuda"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(CheckpointError, match="no usable NVIDIA GPU"):
            choose_device("cuda")
        assert choose_device("auto").device.type == "cpu"
    words = Detector.load(models_dir, "tiny", 10, "cpu").describe_device()
    assert words.startswith("CPU, ")
    assert "threads" in words


def test_crops_and_normalisation_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    """A red picture as RGB must give what a blue one gives as BGR."""
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    image[..., 0] = 200
    image[20:40, 10:50, 1] = 90
    scores = []
    for order in ("RGB", "BGR"):
        preprocessing = Preprocessing(64, 1.2, colour_order=order)  # type: ignore[arg-type]
        write_detector(tmp_path / order, "tiny", (10,), preprocessing=preprocessing)
        detector = Detector.load(tmp_path / order, "tiny", 10, "cpu")
        given = image if order == "RGB" else np.ascontiguousarray(image[..., ::-1])
        scores.append(detector.score([[given] * 3])[0].person)
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_metadata_is_read_without_torch(models_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from ml_app.detection.checkpoints import files, manifest, metadata;"
        "f = manifest.available(Path(sys.argv[1]))[0];"
        "print(files.read_metadata(f.heads[10].path, metadata.HeadMetadata).name, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(models_dir)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["tiny", "False"]


def test_how_pictures_are_judged_is_an_optional_part(copy: Path) -> None:
    path = open_folder(copy, "tiny").heads[10].path
    rewrite(path, pictures=None)  # as files of before do not have it
    assert read_metadata(path, HeadMetadata).pictures is None
    measured = PictureMeasurement(Calibration(0.7, -0.2, "some"), Decision(0.8, 0.3, 0.8), {"auc": {"n": 3}})
    rewrite(path, pictures=asdict(measured))
    assert read_metadata(path, HeadMetadata).pictures == measured
    rewrite(path, pictures={"calibration": {"slope": "steep"}})
    with pytest.raises(CheckpointError) as caught:
        read_metadata(path, HeadMetadata)
    assert "pictures.calibration.slope" in caught.value.detail
