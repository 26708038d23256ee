"""Read `min_val.npy` and `max_val.npy`: by what a published network over landmarks has scaled its inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml_app.detection.errors import CheckpointError, cause
from ml_app.detection.networks.keras.sequential import POINTS

Range = npt.NDArray[np.float64]


def read_range(minimum: Path, maximum: Path, frames: int) -> dict[str, Range]:
    """The arrays of a `LandmarkRange`.

    Args:
        minimum, maximum: Files that `np.save` wrote: one number, one each for x and y, or one for each of the
            136 numbers of a frame, for every frame or for all of them.
        frames: How many frames the network reads.

    Returns:
        `minimum` and `maximum`, float64 (frames, 136) or (1, 136), all of the same shape.

    Raises:
        CheckpointError: A file is missing, damaged, pickled or of another shape, or a range is empty.
    """
    low, high = _read(minimum, frames), _read(maximum, frames)
    low, high = (np.ascontiguousarray(one) for one in np.broadcast_arrays(low, high))
    empty = np.argwhere(~(high > low))
    if len(empty):
        frame, number = empty[0]
        raise CheckpointError(
            "empty_range",
            f"{maximum.name} is not above {minimum.name} for {len(empty)} numbers, the first being {number} "
            f"of frame {frame}: such inputs cannot be scaled. Were the two files exchanged?",
        )
    return {"minimum": low, "maximum": high}


def _read(path: Path, frames: int) -> Range:
    if not path.is_file():
        raise CheckpointError(
            "no_range",
            f"{path.name} is not there. The network reads landmarks scaled by the smallest and largest of "
            "its training set: put its author's min_val.npy and max_val.npy beside the .h5 file, or name "
            "them with --min-values and --max-values.",
        )
    try:
        # Mapped, so that a shape larger than the file is noticed before room is made for it.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, OverflowError, MemoryError) as error:
        raise _no_array(path, cause(error)) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise _no_array(path, "several arrays")
    if array.dtype.kind not in "fiu":
        raise _no_array(path, f"dtype {array.dtype}")
    # Leading sizes of one are what `keepdims=True` leaves.
    shape = array.shape
    while shape[:1] == (1,):
        shape = shape[1:]
    of_frame = ((POINTS,), (POINTS, 1), (POINTS // 2, 2))
    allowed = [(), (2,), *of_frame, *((frames, *one) for one in of_frame)]
    if shape not in allowed:
        raise CheckpointError(
            "wrong_shapes",
            f"{path.name} has the shape {array.shape}; a network of {frames} frames with {POINTS} numbers "
            f"each has (), (2,), ({POINTS},), ({frames}, {POINTS}), or these with (68, 2) for {POINTS}.",
        )
    values = np.asarray(array, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        raise CheckpointError("bad_numbers", f"{path.name} holds numbers that are not finite.")
    if values.size < POINTS:
        values = np.tile(values, POINTS // values.size)
    return values.reshape(-1, POINTS)


def _no_array(path: Path, detail: str) -> CheckpointError:
    return CheckpointError(
        "bad_range",
        f"{path.name} is not one plain array of numbers as np.save writes it, or is damaged. Pickled objects "
        "are refused: they could run code.",
        detail,
    )
