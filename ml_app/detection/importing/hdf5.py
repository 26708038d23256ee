"""Read a Keras model out of an untrusted HDF5 file, in a process of its own: see `hdf5_child.py`."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.errors import CheckpointError
from ml_app.detection.importing.hdf5_child import Arrays, damaged
from ml_app.detection.importing.target import first_bytes
from ml_app.sandbox.environment import bare_environment

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_BYTES = 512 << 20  # of the file; an optimizer's state may lie in it, which is not read
WALL_SECONDS = 300.0  # a busy machine may need long to start a process
_SUFFIXES = (".h5", ".hdf5", ".keras")


@dataclass(frozen=True, slots=True)
class KerasFile:
    """What `model.save` wrote: `config` as JSON tells it, and each layer's weights by their plain names."""

    config: dict[str, Any]
    keras_version: str  # empty where it is not told
    weights: dict[str, Arrays]


def is_keras(path: Path) -> bool:
    """Whether a file is meant to be a Keras model: by its name, or by its first bytes."""
    try:
        return path.suffix.lower() in _SUFFIXES or first_bytes(path).startswith(SIGNATURE)
    except CheckpointError:  # whoever reads it says why
        return False


def read_keras(path: Path) -> KerasFile:
    """Read a model in Keras' HDF5 format.

    Raises:
        CheckpointError: It is missing, something else, damaged, too large, or h5py is not installed.
    """
    _check_start(path)
    if importlib.util.find_spec("h5py") is None:
        raise CheckpointError(
            "missing_library",
            "Importing Keras models needs h5py, which is not installed. Install it with `make training`, or "
            "in the version that requirements-training.txt names.",
        )
    line, _, numbers = _ask(path).partition(b"\n")
    told = json.loads(line)
    if "error" in told:
        raise CheckpointError(*told["error"])
    values, first = np.frombuffer(numbers, np.float32), 0
    weights: dict[str, dict[str, npt.NDArray[np.float32]]] = {name: {} for name in told["layers"]}
    for layer, name, shape in told["weights"]:
        after = first + math.prod(shape)
        weights[layer][name] = values[first:after].reshape(shape).copy()
        first = after
    return KerasFile(told["config"], told["keras_version"], weights)


def _check_start(path: Path) -> None:
    start = first_bytes(path)
    if start.startswith(b"PK"):
        raise CheckpointError(
            "keras_archive",
            f"{path.name} is in the newer .keras format, which is not read here. Load it with Keras and save "
            "it again: model.save('model.h5').",
        )
    if not start.startswith(SIGNATURE):
        raise CheckpointError(
            "not_a_checkpoint", f"{path.name} is not an HDF5 file, in which Keras keeps models."
        )
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(
            "too_large",
            f"{path.name} has {path.stat().st_size / 1e6:.0f} MB, and at most {MAX_BYTES >> 20} MB are read: "
            "networks over landmarks are far smaller.",
        )


def _ask(path: Path) -> bytes:
    """What the child answers."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ml_app.detection.importing.hdf5_child", str(path.resolve())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
            env=bare_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise damaged(path.name, f"not read within {WALL_SECONDS:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise damaged(path.name, f"the reader ended with status {done.returncode}: {said[:300]}")
    return done.stdout
