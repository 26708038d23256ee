"""A face of 68 points that moves as told, and a landmark detector with random weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ml_app.detection.checkpoints.files import save_checkpoint
from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata, Preprocessing, Sampling
from ml_app.detection.networks.landmark_head import LandmarkConfig, LandmarkHead
from ml_app.detection.networks.landmark_motion import (
    ARCHITECTURE,
    CHANNELS,
    LANDMARKS,
    MODES,
    SUMMARY,
    Motion,
)

CONFIG = LandmarkConfig(CHANNELS, SUMMARY, 6)


def shape() -> npt.NDArray[np.float64]:
    """(68, 2): jaw, brows, nose, eyes and mouth about where they are, of size one."""
    turn = np.linspace(np.pi, 0, 17)
    jaw = np.stack([1.3 * np.cos(turn), 1.3 * np.sin(turn) - 0.2], axis=1)
    brows = np.stack([np.r_[np.linspace(-1, -0.3, 5), np.linspace(0.3, 1, 5)], np.full(10, -0.7)], axis=1)
    nose = np.stack([np.r_[np.zeros(4), np.linspace(-0.2, 0.2, 5)], np.linspace(-0.4, 0.2, 9)], axis=1)
    around = np.linspace(np.pi, -np.pi, 7)[:6]
    eye = np.stack([0.2 * np.cos(around), -0.08 * np.sin(around)], axis=1)
    eyes = np.concatenate([eye + np.array([-0.6, -0.45]), eye + np.array([0.6, -0.45])])
    around = np.linspace(np.pi, -np.pi, 13)[:12]
    outer = np.stack([0.4 * np.cos(around), 0.6 - 0.15 * np.sin(around)], axis=1)
    around = np.linspace(np.pi, -np.pi, 9)[:8]
    inner = np.stack([0.3 * np.cos(around), 0.6 - 0.05 * np.sin(around)], axis=1)
    points = np.concatenate([jaw, brows, nose, eyes, outer, inner])
    points -= points.mean(axis=0)
    return np.asarray(points / np.sqrt((points**2).sum(axis=1).mean()))


def face(times: list[float], seed: int = 0, noise: float = 0.3) -> npt.NDArray[np.float64]:
    """(T, 68, 2) in pixels: a face that nods, talks and trembles."""
    rng = np.random.default_rng(seed)
    found = []
    for time_s in times:
        points = shape() * 80
        points[48:68, 1] += 5 * np.sin(time_s * 9) * np.sign(points[48:68, 1] - points[48:68, 1].mean())
        angle = 0.1 * np.sin(time_s * 2)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found.append(points @ rotation.T + np.array([300 + 10 * time_s, 200]) + rng.normal(0, noise, (68, 2)))
    return np.stack(found)


def motion(seed: int = 0) -> Motion:
    """Numbers that no training found, about as large as found ones."""
    rng = np.random.default_rng(seed)
    modes = np.linalg.qr(rng.normal(size=(136, MODES)))[0].T
    return Motion(
        shape().astype(np.float32),
        modes.astype(np.float32),
        rng.normal(-2, 1, CHANNELS).astype(np.float32),
        np.full(CHANNELS, 1.5, np.float32),
        rng.normal(-2, 1, SUMMARY).astype(np.float32),
        np.full(SUMMARY, 1.5, np.float32),
    )


def random_head(seed: int = 0) -> LandmarkHead:
    """A head that does look at moments."""
    torch.manual_seed(seed)
    head = LandmarkHead(CONFIG)
    for reading in (head.temporal, head.step):
        nn.init.normal_(reading.weight, std=0.2)
    return head.eval()


def write_landmark_detector(
    models_dir: Path, name: str = "moving", counts: tuple[int, ...] = (10,), burst: int = 10
) -> Path:
    """A landmark detector with random weights. Returns `models_dir`."""
    folder, told = models_dir / name, Preprocessing(image_size=0, margin=1.42, reads="landmarks")
    tensors = {key: torch.from_numpy(array) for key, array in asdict(motion()).items()}
    save_checkpoint(folder / "backbone.safetensors", tensors, BackboneMetadata(name, "1", LANDMARKS, told))
    for count in counts:
        metadata = HeadMetadata(
            name=name,
            version="1",
            architecture=ARCHITECTURE,
            frame_count=count,
            backbone_sha256=sha256_of(folder / "backbone.safetensors"),
            dimensions=asdict(CONFIG),
            preprocessing=told,
            sampling=Sampling("bursts", burst, 0.08),
        )
        save_checkpoint(folder / f"head-{count}.safetensors", random_head().state_dict(), metadata)
    return models_dir
