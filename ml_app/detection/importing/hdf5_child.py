"""The process that reads one untrusted HDF5 file; `hdf5.py` is its parent.

HDF5's library can be kept busy for ever, and worse, by a damaged file: so it runs under limits, and whoever
waits for it has patience for so long. Nothing in such a file is run: there is no pickle in it. What HDF5
itself can do besides holding numbers, such as reading them out of other files, is refused.

    python -m ml_app.detection.importing.hdf5_child FILE
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.errors import CheckpointError, cause
from ml_app.sandbox.limits import limit

CPU_SECONDS = 60
MEMORY = 3 * 1024**3  # bytes of address space, most of it of libraries
MAX_NUMBERS = 8_000_000  # of weights; published networks over landmarks have some hundred thousand
_READ_ERRORS = (
    *(OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError),
    *(RecursionError, MemoryError, OverflowError),
)

Arrays = dict[str, npt.NDArray[np.float32]]


def main() -> int:
    """Read the file and write what `answer` gives to standard output."""
    limit(CPU_SECONDS, MEMORY)
    sys.stdout.buffer.write(answer(Path(sys.argv[1])))
    return 0


def answer(path: Path) -> bytes:
    """One line of JSON, and after it the weights that it tells of, float32, one after the other.

    `config`, `keras_version`, `layers` and `weights`: of each its layer, its plain name and its shape. Or
    `error`: code, message and detail.
    """
    try:
        config, version, layers = read(path)
    except CheckpointError as error:
        return json.dumps({"error": [error.code, error.message, error.detail]}).encode() + b"\n"
    told = [(layer, name, array.shape) for layer, arrays in layers.items() for name, array in arrays.items()]
    header = {"config": config, "keras_version": version, "layers": list(layers), "weights": told}
    arrays = [array.tobytes() for mine in layers.values() for array in mine.values()]
    return b"".join([json.dumps(header).encode(), b"\n", *arrays])


def read(path: Path) -> tuple[dict[str, Any], str, dict[str, Arrays]]:
    """The description, the version of Keras, and each layer's weights by their plain names.

    Raises:
        CheckpointError: It is no model of Keras', is damaged, or holds more than it may.
    """
    import h5py  # noqa: PLC0415 - its parent has seen that it is installed

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
        raise damaged(path.name, cause(error)) from error
    return config, version, weights


def damaged(filename: str, detail: str) -> CheckpointError:
    """What is said of a damaged file."""
    return CheckpointError(
        "damaged_file",
        f"{filename} is damaged or was not downloaded to its end. Download it again.",
        detail,
    )


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


if __name__ == "__main__":
    sys.exit(main())
