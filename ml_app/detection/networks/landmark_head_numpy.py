"""The arithmetic of `landmark_head.LandmarkHead` in numpy, and the way from landmarks to a timeline.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_app.detection.networks import landmark_motion
from ml_app.detection.networks.landmark_motion import (
    KERNEL,
    LEAST_STEPS,
    Array,
    Motion,
    Points,
    Shapes,
    Steps,
)
from ml_app.detection.networks.sequence_head_numpy import sigmoid

HELD = 2  # frames before and after one in which a point is held still, to learn what its movement adds


class NumpyLandmarkHead:
    """Steps of one strand → a logit of FAKE for each step."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.generic]], dimensions: Mapping[str, int]) -> None:
        """Fill it.

        Args:
            weights: By the names of `LandmarkHead`.
            dimensions: Fields of `LandmarkConfig`.

        Raises:
            ValueError: They do not belong together.
            KeyError: A dimension is missing.
        """
        channels, numbers, inner = (dimensions[name] for name in ("channels", "summary", "hidden"))
        shapes = {
            "first.weight": (inner, channels, KERNEL),
            "first.bias": (inner,),
            "second.weight": (inner, inner, KERNEL),
            "second.bias": (inner,),
            "lstm.weight_ih_l0": (4 * inner, inner),
            "lstm.weight_hh_l0": (4 * inner, inner),
            "lstm.bias_ih_l0": (4 * inner,),
            "lstm.bias_hh_l0": (4 * inner,),
            "temporal.weight": (1, inner),
            "step.weight": (1, channels),
            "summary.weight": (1, numbers),
            "summary.bias": (1,),
        }
        found = {name: weight.shape for name, weight in weights.items()}
        if found != shapes:
            raise ValueError(f"the weights are {found}, not {shapes}")
        self._filled = {name: weight.astype(np.float32) for name, weight in weights.items()}

    def moments(self, steps: Array) -> Array:
        """float32 (..., N, channels), one strand each → float32 (..., N), without what the summary adds."""
        weights = self._filled
        inner = np.maximum(_convolved(steps, weights["first.weight"], weights["first.bias"]), 0)
        inner = np.maximum(_convolved(inner, weights["second.weight"], weights["second.bias"]), 0)
        result: Array = (
            self._states(inner) @ weights["temporal.weight"][0] + steps @ weights["step.weight"][0]
        )
        return result

    def whole(self, summary: Array) -> Array:
        """float32 (..., summary) → float32 (...,): what is added to the logit of every step."""
        result: Array = summary @ self._filled["summary.weight"][0] + self._filled["summary.bias"][0]
        return result

    def _states(self, inputs: Array) -> Array:
        weights = self._filled
        bias = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
        driven = inputs @ weights["lstm.weight_ih_l0"].T + bias
        output = cell = np.zeros((*inputs.shape[:-2], inputs.shape[-1]), np.float32)
        states = np.empty_like(inputs)
        for t in range(inputs.shape[-2]):
            raw = driven[..., t, :] + output @ weights["lstm.weight_hh_l0"].T
            let_in, kept, proposed, shown = np.split(raw, 4, axis=-1)
            cell = sigmoid(kept) * cell + sigmoid(let_in) * np.tanh(proposed)
            output = sigmoid(shown) * np.tanh(cell)
            states[..., t, :] = output
        return states


def _convolved(inputs: Array, kernel: Array, bias: Array) -> Array:
    """Over the steps: (..., N, in) and (out, in, KERNEL) → (..., N, out), of the same length."""
    aside = KERNEL // 2
    padded = np.pad(inputs, [(0, 0)] * (inputs.ndim - 2) + [(aside, aside), (0, 0)])
    length = inputs.shape[-2]
    parts = [padded[..., at : at + length, :] @ kernel[:, :, at].T for at in range(KERNEL)]
    return np.asarray(sum(parts) + bias, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Strand:
    """Frames of a person whose neighbours are compared."""

    places: list[int]  # among the person's frames
    shapes: Shapes
    turned: npt.NDArray[np.float64]
    times: list[float]


class LandmarkScorer:
    """Landmarks of one person, in order of time → a logit of FAKE for each frame."""

    def __init__(self, motion: Motion, head: NumpyLandmarkHead) -> None:
        self._motion, self._head = motion, head

    def frames(self, points: Points, times: Sequence[float]) -> Array:
        """Score a person.

        A frame's logit is the mean of those of the steps before and after it, and where it has neither, the
        mean of all other frames: so a person's logit, the mean of all frames', is what its moments add.

        Args:
            points: float (T, 68, 2), in pixels.
            times: When each frame is shown, seconds, ascending.

        Returns:
            float32 (T,); all zero where there are fewer than `LEAST_STEPS` steps.
        """
        strands = self._strands(points, times)
        if landmark_motion.count_steps(times) < LEAST_STEPS:
            return np.zeros(len(points), np.float32)
        measured = [self._measured(strand, strand.shapes) for strand in strands]
        logits = np.full(len(points), np.nan, np.float32)
        for strand, steps in zip(strands, measured, strict=True):
            of_steps = self._head.moments(self._motion.channels(steps))
            before, after = np.r_[of_steps[:1], of_steps], np.r_[of_steps, of_steps[-1:]]
            logits[strand.places] = (before + after) / 2
        logits = np.where(np.isnan(logits), np.nanmean(logits), logits)
        added = self._head.whole(self._motion.summary(np.concatenate([steps.speeds for steps in measured])))
        return np.asarray(logits + added, dtype=np.float32)

    def points(self, points: Points, times: Sequence[float], place: int) -> Array:
        """What the movement of each point about one frame adds to the sum of the person's logits.

        Each is held on the straight way between where it was `HELD` + 1 frames before and after, on the face
        as it is laid onto its mean shape, and the person is scored again.

        Args:
            points: float (T, 68, 2), in pixels.
            times: When each frame is shown, seconds, ascending.
            place: Of the frame, 0..T-1.

        Returns:
            float32 (68,): positive where the movement speaks for FAKE. Zero where the frame has no neighbour.
        """
        strands = self._strands(points, times)
        mine = next((strand for strand in strands if place in strand.places), None)
        if mine is None or landmark_motion.count_steps(times) < LEAST_STEPS:
            return np.zeros(68, np.float32)
        others = [self._measured(one, one.shapes).speeds for one in strands if one is not mine]
        found = []
        for shapes in (mine.shapes[None], held(mine.shapes, mine.places.index(place))):
            steps = self._measured(mine, shapes)
            spread = [np.broadcast_to(speeds, (len(shapes), *speeds.shape)) for speeds in others]
            speeds = np.concatenate([steps.speeds, *spread], axis=-2)
            moments = self._head.moments(self._motion.channels(steps)).sum(axis=-1)
            found.append(moments + len(times) * self._head.whole(self._motion.summary(speeds)))
        return np.asarray(found[0] - found[1], dtype=np.float32)

    def _strands(self, points: Points, times: Sequence[float]) -> list[_Strand]:
        found = []
        for run in landmark_motion.runs(times):
            shapes, turned = landmark_motion.align(points[run], self._motion.mean_shape)
            for places in landmark_motion.strands(times, run):
                if len(places) > 1:
                    within = [place - run[0] for place in places]
                    when = [times[place] for place in places]
                    found.append(_Strand(places, shapes[within], turned[within], when))
        return found

    def _measured(self, strand: _Strand, shapes: Shapes) -> Steps:
        """Of these shapes, (..., T, 68), in place of the strand's own."""
        turned = np.broadcast_to(strand.turned, shapes.shape[:-1])
        return landmark_motion.steps(shapes, turned, strand.times, self._motion.modes)


def held(shapes: Shapes, place: int) -> Shapes:
    """One point after the other held on a straight way about a frame.

    Args:
        shapes: complex (T, 68), x + iy.
        place: Of the frame, 0..T-1.

    Returns:
        complex (68, T, 68).
    """
    before, after = max(0, place - HELD - 1), min(len(shapes) - 1, place + HELD + 1)
    way = np.linspace(0, 1, after - before + 1)[:, None]
    straight = shapes[before] * (1 - way) + shapes[after] * way
    copies = np.repeat(shapes[None], 68, axis=0)
    for point in range(68):
        copies[point, before : after + 1, point] = straight[:, point]
    return copies
