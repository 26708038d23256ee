"""Import published `.pt` files: check everything, convert to a detector folder that describes itself."""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ml_app.detection.checkpoints.files import save_checkpoint
from ml_app.detection.checkpoints.manifest import DetectorFolder, sha256_of
from ml_app.detection.checkpoints.metadata import (
    BackboneMetadata,
    Decision,
    HeadMetadata,
    Preprocessing,
    Sampling,
)
from ml_app.detection.errors import CheckpointError, cause
from ml_app.detection.importing.target import UNKNOWN, check_name, first_bytes, install
from ml_app.detection.networks.backbones import build_backbone
from ml_app.detection.networks.heads import PUBLISHED
from ml_app.detection.networks.published import PublishedConfig, PublishedHead

BACKBONE = "resnext50_32x4d"
PREPROCESSING = Preprocessing(
    image_size=112,
    margin=1.0,
    crop="box",
    colour_order="BGR",
    whole_frame_without_face=True,
    faces="first_found",
    resize="pillow",
)
_LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")  # how torch.save began a file before 1.6
_READ_ERRORS = (
    *(RuntimeError, ValueError, OSError, EOFError, LookupError, TypeError, AttributeError, AssertionError),
    *(struct.error, zipfile.BadZipFile),
)


def import_published(path: Path, models_dir: Path, name: str, frames: int | None = None) -> DetectorFolder:
    """Convert a published checkpoint into `models_dir/name`, to be used with its own pre-processing.

    Args:
        path: A state dict as `torch.save` wrote it, with the 322 tensors of the published network.
        models_dir: Where the detectors' folders are.
        name: Of the new folder and detector: letters, digits, dots, dashes and underscores.
        frames: How many frames the file was made for; by default read from its name (`..._100_frames_...`).

    Raises:
        CheckpointError: The file is no such checkpoint, is damaged, or the name is taken; the message says
        which.
    """
    check_name(models_dir, name)
    frames = frames or _frames_in_name(path.name)
    tensors = _checked(read_state_dict(path))
    return install(models_dir, name, lambda folder: _write(folder, tensors, name, frames, source=path))


def _frames_in_name(filename: str) -> int:
    found = re.search(r"_(\d{1,4})_frames", filename)
    if found is None or int(found[1]) < 1:
        raise CheckpointError(
            "frames_unknown",
            f"{filename} does not tell how many frames it was made for. Add --frames, such as --frames 20.",
        )
    return int(found[1])


def read_state_dict(path: Path) -> Mapping[Any, Any]:
    """Load a `.pt` file without running anything that is in it.

    Raises:
        CheckpointError: It is missing, a web page, incomplete, something else, or would run code.
    """
    archive = _looks_like_archive(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
    except pickle.UnpicklingError as error:
        if "Unsupported operand" in str(error):  # no instruction of a pickle: other bytes than were written
            raise _damaged(path, error) from error
        raise CheckpointError(
            "runs_code",
            f"{path.name} holds Python objects besides weights and could run code when opened: refused. "
            "Ask its author for a plain state dict.",
            cause(error),
        ) from error
    except _READ_ERRORS as error:
        raise _damaged(path, error) from error
    if not isinstance(loaded, Mapping):
        raise _foreign(path.name, f"it holds a {type(loaded).__name__}, not a state dict")
    return loaded


def _looks_like_archive(path: Path) -> bool:
    """Whether the file is a zip archive (since torch 1.6) and not a bare pickle, by its first bytes."""
    start = first_bytes(path)
    if start.startswith(b"PK"):
        if not zipfile.is_zipfile(path):
            raise _damaged(path, ValueError("no central directory"))
        return True
    if not start.startswith(_LEGACY):
        raise CheckpointError("not_a_checkpoint", f"{path.name} is not a file that torch.save wrote.")
    return False


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        "damaged_file",
        f"{path.name} is damaged or was not downloaded to its end ({path.stat().st_size / 1e6:.1f} MB here, "
        "226 MB when whole). Download it again.",
        cause(error),
    )


def _foreign(filename: str, what: str) -> CheckpointError:
    return CheckpointError(
        "wrong_architecture",
        f"{filename} is not a published ResNeXt-50 and LSTM checkpoint: {what}.",
    )


def _networks() -> tuple[nn.Module, PublishedHead]:
    with torch.device("meta"):  # shapes alone; nothing is allocated
        return build_backbone(BACKBONE), PublishedHead(PublishedConfig())


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the published state dict."""
    backbone, head = _networks()
    shapes = {f"model.{key}": tuple(tensor.shape) for key, tensor in backbone.state_dict().items()}
    return shapes | {key: tuple(tensor.shape) for key, tensor in head.state_dict().items()}


def _checked(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    tensors = {str(key).removeprefix("module."): value for key, value in state.items()}  # of DataParallel
    expected = expected_shapes()
    counters = {key for key in expected if key.endswith("num_batches_tracked")}  # which older files lack
    missing = sorted(expected.keys() - tensors.keys() - counters)
    unknown = sorted(tensors.keys() - expected.keys())
    if missing or unknown:
        parts = [
            f"{len(keys)} tensors {word}, such as {keys[0]!r}"
            for keys, word in ((missing, "are missing"), (unknown, "are unknown"))
            if keys
        ]
        raise _foreign("The file", " and ".join(parts))
    for key, value in tensors.items():
        if not isinstance(value, Tensor):
            raise _foreign("The file", f"{key!r} is no tensor")
        if tuple(value.shape) != expected[key]:
            raise CheckpointError(
                "wrong_shapes",
                f"The tensor {key!r} has the shape {tuple(value.shape)}, and {expected[key]} is needed.",
            )
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError("bad_numbers", f"The tensor {key!r} holds numbers that are not finite.")
    return tensors | {key: torch.tensor(0) for key in counters - tensors.keys()}


def _write(folder: Path, tensors: Mapping[str, Tensor], name: str, frames: int, source: Path) -> None:
    digest = sha256_of(source)
    version = f"imported-{digest[:12]}"
    training_data = f"{UNKNOWN}. Converted from {source.name}, SHA-256 {digest}"
    backbone = {
        key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")
    }
    save_checkpoint(
        folder / "backbone.safetensors",
        backbone,
        BackboneMetadata(name, version, BACKBONE, PREPROCESSING, training_data, UNKNOWN),
    )
    save_checkpoint(
        folder / f"head-{frames}.safetensors",
        {key: value for key, value in tensors.items() if not key.startswith("model.")},
        HeadMetadata(
            name=name,
            version=version,
            architecture=PUBLISHED,
            frame_count=frames,
            backbone_sha256=sha256_of(folder / "backbone.safetensors"),
            dimensions={"channels": 2048, "hidden": 2048},
            preprocessing=PREPROCESSING,
            sampling=Sampling("first"),
            label_order=("fake", "real"),
            decision=Decision(threshold=0.5, uncertain_low=0.5, uncertain_high=0.5),
            training_data=training_data,
            licence=UNKNOWN,
        ),
    )
