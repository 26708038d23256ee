"""How much a face varies while it is watched: what the frames tell together and none of them alone.

A camera's picture of a living face changes all the time: grain, light, the skin's folds, blur where something
moves. Much of what generators write stands stiller. The measure is the standard deviation over time of the
texture that an early stage of the backbone sees, channel by channel, within windows of a few seconds, so
that a long video does not vary more because it is long. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

WINDOW = 3.5  # seconds; the clips that detectors learn from are hardly longer
LEAST_FRAMES = 5  # of a window
FLOOR = 1e-3  # added before the logarithm


def variation(embeddings: Array, times: Sequence[float], channels: int) -> Array | None:
    """Measure it.

    Args:
        embeddings: float32 (T, C) of one person, in order of time.
        times: When each frame is shown, seconds, ascending.
        channels: How many of the last channels are measured.

    Returns:
        float32 (channels,): the natural logarithm of the standard deviation, mean over the windows that hold
        frames enough. None where none does: the frames are too few or too far apart.
    """
    texture = embeddings[:, -channels:]
    found = [np.log(texture[window].std(axis=0) + FLOOR) for window in _windows(times)]
    return np.stack(found).mean(axis=0, dtype=np.float32) if found else None


def _windows(times: Sequence[float]) -> Iterator[slice]:
    start = 0
    for end in range(1, len(times) + 1):
        if end == len(times) or times[end] - times[start] > WINDOW:
            if end - start >= LEAST_FRAMES:
                yield slice(start, end)
            start = end
