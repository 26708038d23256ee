"""Checkpoint files: safetensors that describe themselves, and the manifest that pins their hashes.

A detector is a folder: `manifest.json`, one backbone file, and a head file for each frame count. Everything
needed to use a file stands in its own metadata; nothing is read from its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

FORMAT = 1
MANIFEST = "manifest.json"
_KEY = "checkpoint"  # of the JSON text within a file's metadata, which maps strings to strings


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a face becomes the network's input. `margin` as in `crops`."""

    image_size: int  # side of the square crop, pixels
    margin: float
    crop: Literal["landmarks", "box"] = "landmarks"  # square of the 68 landmarks, or the detector's own box
    colour_order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # of channels scaled to 0..1, in colour order
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    whole_frame_without_face: bool = False  # the published pipeline's habit


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are read.

    even: N frames evenly over the whole time. bursts: groups of `burst` neighbouring frames, the groups evenly
    over the whole time. first: the first N frames of the file, as the published pipeline does.
    """

    pattern: Literal["even", "bursts", "first"] = "even"
    burst: int = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logit of a person → probability of FAKE: sigmoid(slope · logit + intercept) (Platt scaling, 1999)."""

    slope: float = 1.0
    intercept: float = 0.0
    fitted_on: str = ""  # which clips; empty means not calibrated


@dataclass(frozen=True, slots=True)
class Decision:
    """When a calibrated probability becomes a verdict: UNCERTAIN inside [low, high), else REAL or FAKE."""

    threshold: float = 0.5
    uncertain_low: float = 0.4
    uncertain_high: float = 0.6


@dataclass(frozen=True, slots=True)
class BackboneMetadata:
    """What a backbone file says of itself."""

    name: str  # of the detector it belongs to
    version: str
    backbone: str  # key of networks.backbones.BACKBONES
    preprocessing: Preprocessing
    training_data: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class HeadMetadata:
    """What a head file says of itself."""

    name: str
    version: str
    architecture: str  # "resnext50_lstm" or "published_resnext50_lstm"
    frame_count: int
    backbone_sha256: str  # the backbone this head was trained on; no other will do
    dimensions: dict[str, int]  # fields of the architecture's config
    preprocessing: Preprocessing
    sampling: Sampling = Sampling()
    label_order: tuple[str, ...] = ("fake",)  # meaning of the outputs; ("fake",) is a single logit of FAKE
    calibration: Calibration = Calibration()
    decision: Decision = Decision()
    training_data: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)  # measured figures, by name
    licence: str = ""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_checkpoint(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: BackboneMetadata | HeadMetadata
) -> None:
    """Write tensors and what they say of themselves to `path`, then pin its hash in the folder's manifest.

    The file appears whole or not at all.
    """
    kind = "backbone" if isinstance(metadata, BackboneMetadata) else "head"
    text = json.dumps({"format": FORMAT, "kind": kind, **asdict(metadata)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata={_KEY: text})
    partial.replace(path)
    _pin(path, kind, getattr(metadata, "frame_count", None))


def _pin(path: Path, kind: str, frame_count: int | None) -> None:
    manifest_path = path.parent / MANIFEST
    manifest = (
        json.loads(manifest_path.read_text()) if manifest_path.exists() else {"format": FORMAT, "files": {}}
    )
    entry: dict[str, Any] = {"kind": kind, "sha256": sha256_of(path), "bytes": path.stat().st_size}
    if frame_count is not None:
        entry["frame_count"] = frame_count
    manifest["files"][path.name] = entry
    manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
