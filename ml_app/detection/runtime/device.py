"""Where a network runs, and in which numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch

from ml_app.detection.errors import CheckpointError
from ml_app.detection.hardware import usable_cores

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """Where and in which numbers a network runs."""

    device: torch.device
    dtype: torch.dtype
    layout: torch.memory_format = torch.channels_last


def choose_device(device: str, *, exact: bool = False) -> Device:
    """The device and the fastest numbers it has for a backbone.

    Args:
        device: "auto", "cpu" or "cuda".
        exact: Single precision, to reproduce published numbers.

    Raises:
        CheckpointError: "cuda" was asked for and is not there, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise CheckpointError("bad_device", f"{device!r} is no device: say auto, cpu or cuda.")
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise CheckpointError("no_gpu", "There is no usable NVIDIA GPU here. Set DEVICE to auto or cpu.")
    if device == "auto":
        logger.info("DEVICE=auto takes %s", "the NVIDIA GPU" if cuda else "the CPU: there is no usable GPU")
    if cuda and device != "cpu":
        return Device(torch.device("cuda"), torch.float32 if exact else torch.float16)
    # Never more than the caller, or OMP_NUM_THREADS, allowed.
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
    bf16 = not exact and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return Device(torch.device("cpu"), torch.bfloat16 if bf16 else torch.float32)
