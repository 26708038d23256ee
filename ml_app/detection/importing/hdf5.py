"""Read a Keras model out of an untrusted HDF5 file: its description and its weights, and nothing else.

Nothing in such a file is run: there is no pickle in it. What HDF5 itself can do besides holding numbers, such
as reading them out of other files, is refused.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.errors import CheckpointError, cause
from ml_app.detection.importing.target import first_bytes

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_BYTES = 512 << 20  # of the file; an optimizer's state may lie in it, which is not read
MAX_NUMBERS = 8_000_000  # of weights; published networks over landmarks have some hundred thousand
_SUFFIXES = (".h5", ".hdf5", ".keras")
_READ_ERRORS = (
    *(OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError),
    *(RecursionError, MemoryError, OverflowError),
)

Arrays = dict[str, npt.NDArray[np.float32]]


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
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            config, version = _config(file, path.name), _text(file.attrs.get("keras_version"))
            if "model_weights" not in file:
                raise _foreign(path.name, "it holds no weights")
            group = _inside(h5py, file, "model_weights")
            budget = _Budget()
            names = [_text(name) for name in group.attrs["layer_names"]]
            weights = {name: _weights(h5py, _inside(h5py, group, name), budget) for name in names}
    except CheckpointError:
        raise
    except _READ_ERRORS as error:
        raise CheckpointError(
            "damaged_file",
            f"{path.name} is damaged or was not downloaded to its end. Download it again.",
            cause(error),
        ) from error
    return KerasFile(config, version, weights)


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


def _h5py() -> Any:
    try:
        import h5py  # noqa: PLC0415 - one of the training's requirements: the site runs without it
    except ImportError as error:
        raise CheckpointError(
            "missing_library",
            "Importing Keras models needs h5py, which is not installed. Install it with `make training`, or "
            "in the version that requirements-training.txt names.",
        ) from error
    return h5py


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes) else str(value)


def _foreign(filename: str, what: str) -> CheckpointError:
    return CheckpointError("not_a_model", f"{filename} is no model that Keras saved as HDF5: {what}.")


def _config(file: Any, filename: str) -> dict[str, Any]:
    if "model_config" not in file.attrs:
        if "layer_names" in file.attrs:
            raise CheckpointError(
                "weights_alone",
                f"{filename} holds weights without the network that they belong to. Ask its author for the "
                "whole model: model.save('model.h5') instead of model.save_weights.",
            )
        raise _foreign(filename, "it has no model_config")
    config = json.loads(_text(file.attrs["model_config"]))
    if not isinstance(config, dict):
        raise _foreign(filename, "its model_config is no object")
    return config


def _inside(h5py: Any, group: Any, path: str) -> Any:
    """A member of a group that lies in this very file, whatever its path.

    Raises:
        CheckpointError: A link on the way leads elsewhere.
    """
    for name in filter(None, path.split("/")):
        if (link := group.get(name, getlink=True)) is None:
            raise KeyError(name)
        if not isinstance(link, h5py.HardLink):
            raise CheckpointError(
                "links_elsewhere",
                f"The HDF5 file has {name!r} lying elsewhere, as no file of Keras' has: refused.",
            )
        group = group[name]
    return group


class _Budget:
    """How many more numbers may be read."""

    def __init__(self) -> None:
        self._left = MAX_NUMBERS

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise CheckpointError(
                "too_large",
                f"The file has more than {MAX_NUMBERS // 1_000_000} million weights, which no network over "
                "landmarks needs: refused.",
            )


def _weights(h5py: Any, layer: Any, budget: _Budget) -> Arrays:
    found: Arrays = {}
    for path in (_text(name) for name in layer.attrs["weight_names"]):
        name = path.rpartition("/")[2].removesuffix(":0")  # lstm/lstm_cell/recurrent_kernel:0
        if name in found:
            name = path  # a layer with layers of its own, which nobody will know
        found[name] = _array(_inside(h5py, layer, path), path, budget)
    return found


def _array(dataset: Any, path: str, budget: _Budget) -> npt.NDArray[np.float32]:
    if dataset.external or dataset.is_virtual:
        raise CheckpointError(
            "links_elsewhere", f"The weights {path!r} lie in another file, as no file of Keras' has: refused."
        )
    budget.take(math.prod(dataset.shape))
    if dataset.chunks:
        budget.take(math.prod(dataset.chunks))  # read whole, however little of it is wanted
    if dataset.dtype.kind != "f":
        raise CheckpointError("wrong_type", f"The weights {path!r} are {dataset.dtype}, and no real numbers.")
    values = np.asarray(dataset[()], dtype=np.float32)
    if not np.isfinite(values).all():
        raise CheckpointError("bad_numbers", f"The weights {path!r} hold numbers that are not finite.")
    return values
