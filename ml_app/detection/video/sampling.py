"""Which moments of a video are looked at. Pure arithmetic, shared by both sides of the decoding process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the decoding process needs no more of them
    from ml_app.detection.checkpoints.metadata import Sampling

_USUAL_FRAME_RATE = 25.0
_ROUNDING_S = 1e-6


def sample_times(sampling: Sampling, count: int, duration_s: float, frame_rate: float) -> tuple[float, ...]:
    """Moments to look at, in seconds from the start of the video, in order.

    Each lies in the middle of the time for which its frame is shown: rounding cannot pick a neighbour.

    Args:
        sampling: even: the middles of `count` equal parts. bursts: groups of `sampling.burst` frames,
            `sampling.burst_step_s` apart, about the middles of equal parts; evenly where the video is too
            short for that. first: the first `count` frames.
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
    stride = max(1, round(sampling.burst_step_s / step))
    if groups < count and groups * sampling.burst * stride * step <= duration_s:
        return _bursts(sampling.burst, groups, stride, duration_s, step)[:count]
    return tuple((i + 0.5) * duration_s / count for i in range(count))


def _bursts(burst: int, groups: int, stride: int, duration_s: float, step: float) -> tuple[float, ...]:
    times = []
    for group in range(groups):
        middle = (group + 0.5) * duration_s / groups
        first = round((middle - burst * stride * step / 2) / step)  # whole frames from the start
        times += [(first + i * stride + 0.5) * step for i in range(burst)]
    return tuple(times)


def times_between(
    times: Sequence[float], shown: Sequence[bool], count: int, duration_s: float, frame_rate: float
) -> tuple[float, ...]:
    """Further moments, where those that were looked at have shown somebody.

    That is between two of them that have, and from one that has half the way to one that has not. There they
    are laid so that the largest distance between neighbours is as small as can be.

    Args:
        times: Starts of the frames that were looked at in seconds, rising.
        shown: Which of them have shown somebody.
        count: How many moments are wanted.
        duration_s: Length of the video in seconds.
        frame_rate: Frames a second; 0 where it is not known.

    Returns:
        The middles of `count` frames in order, fewer where there are fewer frames. None was looked at before.
    """
    step = 1 / (frame_rate or _USUAL_FRAME_RATE)
    gaps = _gaps(times, shown, duration_s, step)
    taken = [0] * len(gaps)
    for _ in range(min(count, sum(gap.free for gap in gaps))):
        roomy = (i for i, gap in enumerate(gaps) if taken[i] < gap.free)
        widest = max(roomy, key=lambda i: (gaps[i].free + 1) / (taken[i] + 1))
        taken[widest] += 1
    chosen = (gap.middles(many, step) for gap, many in zip(gaps, taken, strict=True))
    return tuple(sorted(time_s for middles in chosen for time_s in middles))


@dataclass(frozen=True, slots=True)
class _Gap:
    """`free` frames that nobody has looked at, beside one at `start_s` that shows somebody."""

    start_s: float
    way: int  # 1: after it, -1: before it
    free: int

    def middles(self, count: int, step: float) -> list[float]:
        """The middles of `count` of these frames, at most `free`."""
        places = ((i + 1) * (self.free + 1) // (count + 1) for i in range(count))
        return [self.start_s + (0.5 + self.way * place) * step for place in places]


def _gaps(times: Sequence[float], shown: Sequence[bool], duration_s: float, step: float) -> list[_Gap]:
    edges = [
        -step,
        *times,
        duration_s,
    ]  # whoever is seen first or last was there from the start or to the end
    seen = [True, *shown, True]
    gaps = []
    for left, right in pairwise(range(len(edges))):
        free = max(0, round((edges[right] - edges[left]) / step) - 1)
        if not (seen[left] and seen[right]):
            free //= 2
        if seen[left] and left > 0:
            gaps.append(_Gap(edges[left], 1, free))
        elif seen[right] and right < len(times) + 1:
            gaps.append(_Gap(edges[right], -1, free))
    return gaps


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
