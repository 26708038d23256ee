"""Fixtures of the detector's tests: tiny networks in real checkpoint files, a pool that looks for faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import PinnedFile, sha256_of
from ml_app.detection.checkpoints.metadata import (
    BackboneMetadata,
    Calibration,
    Decision,
    HeadMetadata,
    PictureMeasurement,
    Preprocessing,
    Sampling,
)
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.networks.heads import SEQUENCE, build_head
from ml_app.detection.runtime.detector import Detector

CHANNELS = 16
DIMENSIONS = {"channels": CHANNELS, "projection": 8, "hidden": 8}

PREPROCESSING, SAMPLING, DECISION = Preprocessing(64, 1.2), Sampling(), Decision()


def tiny_backbone(pretrained: bool = False) -> nn.Module:
    """(B, 3, H, W) → (B, 16, H/16, W/16), in a few thousand numbers."""
    return nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.ReLU(), nn.Conv2d(8, CHANNELS, 3, 2, 1), nn.ReLU())


@dataclass(frozen=True)
class Frame:
    """A decoded frame, as `video` gives it."""

    time_s: float
    image: Image
    scale: float = 1.0


def write_detector(
    models_dir: Path,
    name: str = "tiny",
    counts: tuple[int, ...] = (10, 20),
    *,
    preprocessing: Preprocessing = PREPROCESSING,
    sampling: Sampling = SAMPLING,
    decision: Decision = DECISION,
) -> Path:
    """A detector with random weights; its head does look at time. Returns `models_dir`."""
    torch.manual_seed(7)
    folder = models_dir / name
    save_checkpoint(
        folder / "backbone.safetensors",
        tiny_backbone().state_dict(),
        BackboneMetadata(name, "1", "tiny", preprocessing),
    )
    for count in counts:
        head = build_head(SEQUENCE, DIMENSIONS)
        nn.init.normal_(head.temporal.weight)  # zero at the start of a training
        metadata = HeadMetadata(
            name=name,
            version="1",
            architecture=SEQUENCE,
            frame_count=count,
            backbone_sha256=sha256_of(folder / "backbone.safetensors"),
            dimensions=DIMENSIONS,
            preprocessing=preprocessing,
            sampling=sampling,
            decision=decision,
        )
        save_checkpoint(folder / f"head-{count}.safetensors", head.state_dict(), metadata)
    return models_dir


def judge_pictures(head: PinnedFile, decision: Decision = DECISION) -> None:
    """Let a head judge pictures, with figures that nobody measured."""
    measured = PictureMeasurement(Calibration(1.0, 0.0, "made-up pictures"), decision, {})
    metadata = replace(read_metadata(head.path, HeadMetadata), pictures=measured)
    save_checkpoint(head.path, load_tensors(head), metadata)


@pytest.fixture(scope="session", autouse=True)
def _register_tiny_backbone() -> Iterator[None]:
    torch.set_num_threads(1)  # tests share the machine; waiting threads would spin
    BACKBONES["tiny"] = BackboneSpec("tiny", CHANNELS, tiny_backbone)
    yield
    BACKBONES.pop("tiny", None)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the detector "tiny" for 10 and 20 frames. Copy before changing."""
    return write_detector(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def detector(models_dir: Path) -> Detector:
    """The tiny detector for 10 frames."""
    return Detector.load(models_dir, "tiny", 10, "cpu")


@pytest.fixture(scope="session")
def pool() -> Iterator[FacePool]:
    """One process that looks for faces."""
    with FacePool(1) as pool:
        yield pool
