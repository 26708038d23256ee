"""In which order of seeks and decoding the wanted frames are got. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_FREE_FRAMES = 400  # decoded in all without a second thought: thirteen seconds of an ordinary video
_APART_FRAMES = 8  # a burst that lies so close together counts as one place
_NO_SEEK_FRAMES = 8  # decoding over a gap this small is cheaper than a seek
_BUDGET_PIXELS = 2000 * 1280 * 720  # decoded in all where wanted frames share keyframes
_MIN_BUDGET, _MAX_BUDGET = 600, 4000  # the same in frames


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
    last of them. Groups that cost more than their share of the budget are moved to begin at their keyframe,
    and drawn together if they are long.

    Args:
        times: Wanted moments in seconds, rising.
        keyframes: For each, the keyframe from which decoding has to start.
        frame_rate: Frames a second, to turn seconds into cost.
        budget_frames: Of `budget`.

    Returns:
        One step for each wanted moment, and whether any was moved.
    """
    rate = frame_rate or 25.0
    pairs = list(zip(keyframes, times, strict=True))
    groups = [
        (key, [time_s for _, time_s in group]) for key, group in groupby(pairs, key=lambda pair: pair[0])
    ]
    cost = sum((group[-1] - key) * rate + 1 for key, group in groups)
    steps: list[Step] = []
    moved = False
    for key, wanted in groups:
        group = wanted
        span = (group[-1] - group[0]) * rate
        share = (_FREE_FRAMES if span <= _APART_FRAMES else budget_frames) / len(groups)
        if cost > _FREE_FRAMES and (group[-1] - key) * rate > share:
            shrink = min(1.0, share / span) if span else 1.0
            group = [key + (time_s - group[0]) * shrink for time_s in group]
            moved = True
        near = bool(steps) and (key - steps[-1].time_s) * rate <= _NO_SEEK_FRAMES
        steps += [Step(t, key if i == 0 and not near else None) for i, t in enumerate(group)]
    return steps, moved
