"""In which order of seeks and decoding the wanted frames are got. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_BUDGET_PIXELS = 2000 * 1280 * 720  # decoded in all where wanted frames share keyframes: some seconds' work
_MIN_BUDGET, _MAX_BUDGET = 600, 4000  # the same in frames
_CHEAP_FRAMES = 400  # decoded in all for places that lie far apart: thirteen seconds of an ordinary video
_APART_FRAMES = 8  # a burst no longer than this is one place
_NEIGHBOUR_FRAMES = 1.5  # frames this near to each other belong to one burst, which is not torn apart
_NO_SEEK_FRAMES = 8  # decoding over a gap this small is cheaper than a seek


@dataclass(frozen=True, slots=True)
class Step:
    """Get the first frame from `time_s` on, starting at the keyframe at `keyframe_s`, or going on if None."""

    time_s: float
    keyframe_s: float | None


def budget(width: int, height: int) -> int:
    """Frames that may be decoded in all where exact moments need much decoding."""
    return min(_MAX_BUDGET, max(_MIN_BUDGET, _BUDGET_PIXELS // max(1, width * height)))


def plan(
    times: Sequence[float], keyframes: Sequence[float], frame_rate: float, budget_frames: int
) -> tuple[list[Step], bool]:
    """Seeks and moments that get the wanted frames, or ones near them where exact ones would cost too much.

    Wanted frames that need the same keyframe form a group, whose cost is the frames from the keyframe to the
    last of them. If all cost more than half the budget, groups that cost more than their share are moved to
    begin at their keyframe, and drawn together if they are long.

    Args:
        times: Wanted moments in seconds, rising.
        keyframes: For each, the keyframe from which decoding has to start.
        frame_rate: Frames a second, to turn seconds into cost.
        budget_frames: Of `budget`.

    Returns:
        One step for each wanted moment, and whether any comes out elsewhere than wanted.
    """
    rate = frame_rate or 25.0
    groups = _groups(times, keyframes, rate)
    exact = sum((wanted[-1] - key) * rate + 1 for key, wanted in groups) <= max(
        _CHEAP_FRAMES, budget_frames / 2
    )
    steps: list[Step] = []
    for key, wanted in groups:
        span = (wanted[-1] - wanted[0]) * rate
        share = (_CHEAP_FRAMES if span <= _APART_FRAMES else budget_frames) / len(groups)
        group = wanted
        if not exact and (wanted[-1] - key) * rate > share:
            shrink = min(1.0, share / span) if span > _APART_FRAMES else 1.0
            group = [key + (time_s - wanted[0]) * shrink for time_s in wanted]
        near = bool(steps) and (key - steps[-1].time_s) * rate <= _NO_SEEK_FRAMES
        steps += [Step(t, key if i == 0 and not near else None) for i, t in enumerate(group)]
    return steps, any(
        step.time_s != wanted or key > wanted + 1 / rate
        for step, wanted, key in zip(steps, times, keyframes, strict=True)
    )


def _groups(
    times: Sequence[float], keyframes: Sequence[float], rate: float
) -> list[tuple[float, list[float]]]:
    starts = list(keyframes)
    for i in range(1, len(starts)):
        if (times[i] - times[i - 1]) * rate < _NEIGHBOUR_FRAMES:
            starts[i] = starts[i - 1]
    pairs = zip(starts, times, strict=True)
    return [(key, [t for _, t in group]) for key, group in groupby(pairs, key=lambda pair: pair[0])]
