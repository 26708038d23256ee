"""Checkpoint files: safetensors that describe themselves, and the manifest that pins their hashes.

A detector is a folder: `manifest.json`, one backbone file, and a head file for each frame count. Everything
needed to use a file stands in its own metadata; nothing is read from its name.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ml_app.detection.checkpoints.manifest import DRAWN, FORMAT, SECOND, PinnedFile, pin
from ml_app.detection.checkpoints.metadata import BackboneMetadata, DrawnMetadata, HeadMetadata
from ml_app.detection.checkpoints.records import build
from ml_app.detection.errors import CheckpointError, cause

if TYPE_CHECKING:
    # Only the functions that move tensors import torch: pages and the decoding process read metadata
    # without it.
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

KINDS = {BackboneMetadata: "backbone", HeadMetadata: "head", DrawnMetadata: DRAWN}
_KEY = "checkpoint"  # of the JSON text within a file's metadata, which maps strings to strings


def save_checkpoint(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: BackboneMetadata | HeadMetadata | DrawnMetadata,
    *,
    second: bool = False,
) -> None:
    """Write tensors and what they say of themselves to `path`, then pin its hash in the folder's manifest.

    The file appears whole or not at all. `second`: it is the backbone that looks at a few frames.
    """
    from safetensors.torch import save_file  # noqa: PLC0415 - imports torch

    kind = KINDS[type(metadata)]
    text = json.dumps({"format": FORMAT, "kind": kind, **asdict(metadata)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata={_KEY: text})
    partial.chmod(0o644)  # safetensors writes for its owner alone; the site may run as somebody else
    partial.replace(path)
    pin(path, SECOND if second else kind, getattr(metadata, "frame_count", None))


M = TypeVar("M", BackboneMetadata, HeadMetadata, DrawnMetadata)


def read_metadata(path: Path, kind: type[M]) -> M:
    """Read what a checkpoint file says of itself, without its tensors. Imports no torch.

    Args:
        path: A safetensors file.
        kind: `BackboneMetadata`, `HeadMetadata` or `DrawnMetadata`, which the file must be.

    Raises:
        CheckpointError: It is no such file, or what it says is incomplete.
    """
    expected = KINDS[kind]
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


def how_second_looks(head: HeadMetadata, second: PinnedFile) -> str:
    """How a head's second network looks, as a key of networks.backbones.BACKBONES."""
    return head.second_backbone or read_metadata(second.path, BackboneMetadata).backbone


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


def misfit(pinned: PinnedFile, error: Exception) -> CheckpointError:
    """What is to be raised where a file holds other weights than its network has."""
    return CheckpointError(
        "wrong_shapes",
        f"The weights in {pinned.path.name} do not fit their network. Install the detector again.",
        str(error)[:500],
    )


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
