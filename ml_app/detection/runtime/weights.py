"""Networks filled with the weights of checkpoint files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import nn

from ml_app.detection.checkpoints.files import load_tensors, misfit, read_metadata
from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.detection.networks.backbones import BackboneError, build_backbone
from ml_app.detection.networks.heads import build_head
from ml_app.detection.runtime.device import Device

_loading = threading.Lock()


def load_backbone(pinned: PinnedFile, target: Device, name: str = "") -> nn.Module:
    """A backbone in the numbers of a place, for inference. Kept in memory: heads of one detector share it.

    Args:
        pinned: Its file.
        target: The place.
        name: Which backbone is filled with the file's weights; empty: the one that the file names.

    Raises:
        CheckpointError: The file is damaged, or needs what this installation does not have.
    """
    with _loading:
        return _load_backbone(pinned, target, name)


@lru_cache(maxsize=4)
def _load_backbone(pinned: PinnedFile, target: Device, name: str) -> nn.Module:
    name = name or read_metadata(pinned.path, BackboneMetadata).backbone
    try:
        network = _filled(lambda: build_backbone(name), pinned, target.dtype)
    except KeyError as error:
        raise _unknown(pinned, name) from error
    except BackboneError as error:
        raise CheckpointError("missing_library", str(error)) from error
    return network.to(target.device, memory_format=target.layout)  # type: ignore[call-overload, no-any-return]


def load_head(pinned: PinnedFile, metadata: HeadMetadata, target: Device) -> nn.Module:
    """A head in single precision, for inference.

    Raises:
        CheckpointError: The file is damaged, or needs what this version does not have.
    """
    try:
        head = _filled(lambda: build_head(metadata.architecture, metadata.dimensions), pinned, torch.float32)
    except (KeyError, TypeError) as error:
        raise _unknown(pinned, metadata.architecture) from error
    return head.to(target.device)


def _filled(build: Callable[[], nn.Module], pinned: PinnedFile, dtype: torch.dtype) -> nn.Module:
    # Built without memory and given the file's tensors: random weights would cost more time than reading.
    with torch.device("meta"):
        network = build()
    tensors = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in load_tensors(pinned).items()
    }
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise misfit(pinned, error) from error
    return network.eval().requires_grad_(False)


def _unknown(pinned: PinnedFile, what: str) -> CheckpointError:
    return CheckpointError(
        "unknown_architecture",
        f"{pinned.path.name} needs {what!r}, which this version does not have. Update it.",
    )
