"""Checkpoint files: safetensors that describe themselves, and the manifest that pins their hashes.

A detector is a folder: `manifest.json`, one backbone file, and a head file for each frame count. Everything
needed to use a file stands in its own metadata; nothing is read from its name.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ml_app.detection.checkpoints.records import build
from ml_app.detection.errors import CheckpointError, cause
from ml_app.detection.findings import DetectorInfo

if TYPE_CHECKING:
    # Only the functions that move tensors import torch: pages and the decoding process read metadata
    # without it.
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

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
    # followed: every person through the frames. first_found: the published pipeline's first box of each
    # frame, found at full size in colour_order, whoever that is.
    faces: Literal["followed", "first_found"] = "followed"
    resize: Literal["area", "pillow"] = "area"  # `crops.crop`, or Pillow's antialiased bilinear


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are read.

    even: N frames evenly over the whole time. bursts: groups of `burst` neighbouring frames, the groups
    evenly over the whole time. first: the first N frames of the file, as the published pipeline does.
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
    architecture: str  # "resnext50_lstm", another backbone's, or "published_resnext50_lstm"
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

    def info(self, sha256: str) -> DetectorInfo:
        """How findings name this detector; `sha256` is that of the head's file."""
        return DetectorInfo(self.name, self.version, self.architecture, self.frame_count, sha256)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], metadata: BackboneMetadata | HeadMetadata
) -> None:
    """Write tensors and what they say of themselves to `path`, then pin its hash in the folder's manifest.

    The file appears whole or not at all.
    """
    from safetensors.torch import save_file  # noqa: PLC0415 - imports torch

    kind = "backbone" if isinstance(metadata, BackboneMetadata) else "head"
    text = json.dumps({"format": FORMAT, "kind": kind, **asdict(metadata)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata={_KEY: text})
    partial.chmod(0o644)  # safetensors writes for its owner alone; the site may run as somebody else
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


M = TypeVar("M", BackboneMetadata, HeadMetadata)


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file of a detector and the hash that its manifest pins."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class DetectorFolder:
    """A detector on disk, as its manifest tells."""

    name: str
    backbone: PinnedFile
    heads: dict[int, PinnedFile]  # by frame count, ascending

    def nearest(self, frames: int) -> int:
        """The frame count of the head for `frames`: that, or the nearest there is; the larger of two."""
        return min(self.heads, key=lambda count: (abs(count - frames), -count))


def available(models_dir: Path) -> tuple[DetectorFolder, ...]:
    """The detectors of a folder, by name, but those without a usable manifest. Imports no torch."""
    found = []
    for manifest in sorted(models_dir.glob(f"*/{MANIFEST}")):
        try:
            found.append(open_folder(models_dir, manifest.parent.name))
        except CheckpointError:
            continue
    return tuple(found)


def open_folder(models_dir: Path, name: str) -> DetectorFolder:
    """Read the manifest of one detector. Nothing is hashed yet.

    Raises:
        CheckpointError: There is no such detector, or its manifest is unusable.
    """
    folder = models_dir / name
    if Path(name).name != name or not (folder / MANIFEST).is_file():
        names = ", ".join(sorted(path.parent.name for path in models_dir.glob(f"*/{MANIFEST}"))) or "none"
        raise CheckpointError(
            "no_detector",
            f"There is no detector named {name!r}. Installed: {names}.",
            f"{MANIFEST} not found",
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']!r} is not {FORMAT}")
        backbones, heads = [], {}
        for file, entry in manifest["files"].items():
            if Path(file).name != file:
                raise ValueError(f"{file!r} is not a plain file name")
            pinned = PinnedFile(folder / file, str(entry["sha256"]))
            if entry["kind"] == "head":
                heads[int(entry["frame_count"])] = pinned
            elif entry["kind"] == "backbone":
                backbones.append(pinned)
        if len(backbones) != 1 or not heads:
            raise ValueError(
                f"{len(backbones)} backbones and {len(heads)} heads; one and at least one are needed"
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "bad_manifest",
            f"The manifest of the detector {name!r} cannot be used. Install the detector again.",
            cause(error),
        ) from error
    return DetectorFolder(name, backbones[0], dict(sorted(heads.items())))


def read_metadata(path: Path, kind: type[M]) -> M:
    """Read what a checkpoint file says of itself, without its tensors. Imports no torch.

    Args:
        path: A safetensors file.
        kind: `BackboneMetadata` or `HeadMetadata`, which the file must be.

    Raises:
        CheckpointError: It is no such file, or what it says is incomplete.
    """
    expected = "backbone" if kind is BackboneMetadata else "head"
    try:
        data = json.loads(_header(path)["__metadata__"][_KEY])
        if data.get("format") != FORMAT:
            raise ValueError(f"format {data.get('format')!r} is not {FORMAT}")
        if data.get("kind") != expected:
            raise ValueError(f"it is a {data.get('kind')!r}, not a {expected}")
        return build(kind, data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise CheckpointError(
            "bad_checkpoint",
            f"{path.name} is not a {expected} checkpoint of this software. Install the detector again.",
            cause(error),
        ) from error


def _header(path: Path) -> dict[str, Any]:
    # safetensors: the header's length as 64-bit little-endian, then the header as JSON.
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > 100_000_000:
            raise ValueError("not a safetensors file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("not a safetensors file")
    return header


def load_tensors(pinned: PinnedFile) -> dict[str, Tensor]:
    """Load a file's tensors on the CPU after its hash was found to be the pinned one.

    Raises:
        CheckpointError: The file is missing, is not the one that was pinned, or cannot be read.
    """
    from safetensors.torch import load  # noqa: PLC0415 - imports torch

    return _loaded(pinned, load)


def load_arrays(pinned: PinnedFile) -> dict[str, npt.NDArray[np.generic]]:
    """Load a file's tensors as `load_tensors` does, but as arrays. Imports no torch.

    Raises:
        CheckpointError: The file is missing, is not the one that was pinned, or cannot be read.
    """
    from safetensors.numpy import load  # noqa: PLC0415 - only where weights are read

    return _loaded(pinned, load)


T = TypeVar("T")


def _loaded(pinned: PinnedFile, load: Callable[[bytes], T]) -> T:
    from safetensors import SafetensorError  # noqa: PLC0415

    again = "Install the detector again."
    try:
        data = pinned.path.read_bytes()
        actual = hashlib.sha256(data).hexdigest()
        if actual != pinned.sha256:
            raise CheckpointError(
                "hash_mismatch",
                f"{pinned.path.name} is not the file its manifest names. {again}",
                f"SHA-256 {actual}, expected {pinned.sha256}",
            )
        return load(data)
    except (OSError, SafetensorError) as error:
        message = f"{pinned.path.name} cannot be read. {again}"
        raise CheckpointError("bad_checkpoint", message, cause(error)) from error
