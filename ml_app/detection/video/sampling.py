"""Which moments of a video are looked at. Pure arithmetic, shared by both sides of the decoding process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the decoding process needs no more of them
    from ml_app.detection.checkpoints.metadata import Sampling

_USUAL_FRAME_RATE = 25.0
_ROUNDING_S = 1e-6


def sample_times(sampling: Sampling, count: int, duration_s: float, frame_rate: float) -> tuple[float, ...]:
    """Moments to look at, in seconds from the start of the video, in order.

    Each lies in the middle of the time for which its frame is shown: rounding cannot pick a neighbour.

    Args:
        sampling: even: the middles of `count` equal parts. bursts: groups of `sampling.burst` neighbouring
            frames about the middles of equal parts; evenly where the video is too short for that. first: the
            first `count` frames.
        count: How many, at least 1.
        duration_s: Length of the video in seconds, at least 0.
        frame_rate: Frames a second; 0 where it is not known.

    Returns:
        `count` times. Two may fall on the same frame where the video has fewer than `count`.
    """
    if count < 1:
        raise ValueError("A sample needs at least one frame")
    step = 1 / (frame_rate or _USUAL_FRAME_RATE)
    if sampling.pattern == "first":
        return tuple((i + 0.5) * step for i in range(count))
    groups = -(-count // sampling.burst) if sampling.pattern == "bursts" else count
    if groups < count and count * step <= duration_s and groups * sampling.burst * step <= duration_s:
        return _bursts(count, sampling.burst, groups, duration_s, step)
    return tuple((i + 0.5) * duration_s / count for i in range(count))


def _bursts(count: int, burst: int, groups: int, duration_s: float, step: float) -> tuple[float, ...]:
    times = []
    for group in range(groups):
        middle = (group + 0.5) * duration_s / groups
        first = round((middle - burst * step / 2) / step)  # a whole number of frames from the start
        times += [(first + i + 0.5) * step for i in range(burst)]
    return tuple(times[:count])


def snap_to_frames(frame_times: Sequence[float], times: Sequence[float]) -> list[int]:
    """The frames shown at given moments, each frame at most once.

    Where several moments fall on one frame, as with a variable frame rate, neighbours are taken instead, so
    that there are as many frames as moments as long as the video has them.

    Args:
        frame_times: Start of each frame in seconds, strictly rising.
        times: Moments in seconds, rising.

    Returns:
        Indices into `frame_times`, strictly rising; all of them where there are no more than moments.
    """
    total, count = len(frame_times), len(times)
    if total <= count:
        return list(range(total))
    chosen: list[int] = []
    for position, time_s in enumerate(times):
        shown = max(0, bisect_right(frame_times, time_s + _ROUNDING_S) - 1)
        after_last = chosen[-1] + 1 if chosen else 0
        chosen.append(min(max(shown, after_last), total - (count - position)))
    return chosen
