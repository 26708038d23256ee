"""How a face moves: from its 68 landmarks in neighbouring frames to what a landmark detector reads.

Every run of neighbouring frames is laid onto its own mean shape by the points that expression hardly moves
(Procrustes analysis; Gower, 1975). What is left is measured in a few signals that have a meaning, such as the
eye aspect ratio of Soukupová and Čech (CVWW 2016), and in the principal modes of shape (Cootes et al., 1995).
Read is how fast these change and never how they stand: who somebody is and where they look must not count.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LANDMARKS = "landmarks68"  # the `backbone` of such a detector: what its signals are scaled by
ARCHITECTURE = "landmarks_lstm"  # of its heads
KERNEL = 5  # steps that a convolution of theirs sees
STABLE = np.r_[0:17, 27:36, 36, 39, 42, 45]  # jaw line, nose, corners of the eyes
NAMED = 11  # signals that have a meaning; the modes follow them
MODES = 20
SERIES = NAMED + MODES + 1  # and what no mode tells
CHANNELS = 2 * SERIES - 1  # of a step: every speed, and every direction but that of the rest
SUMMARY = SERIES + NAMED + MODES  # of a person: mean speeds, peaks of the named, medians of the modes

# Seconds between two frames that are compared. Nearer ones show the noise of the landmarks more than
# movement; over a gap nobody knows what moved.
SHORTEST_STEP_S, LONGEST_STEP_S = 0.05, 0.35
LEAST_STEPS = 5  # of a person, or nothing is said
UNIT_S = 0.05  # speeds are changes in so long a time
FLOOR, REST_FLOOR = 1e-3, 1e-4  # added before the logarithm
SOFT = 0.01  # a speed at which a direction counts half
CLIPPED = 2.5  # deviations of a summary

Points = npt.NDArray[np.floating]  # (..., T, 68, 2)
Shapes = npt.NDArray[np.complex128]  # (..., T, 68), x + iy, on a mean shape whose size is one
Array = npt.NDArray[np.float32]


def runs(times: Sequence[float]) -> list[list[int]]:
    """Neighbouring frames without a gap beyond `LONGEST_STEP_S` between them.

    Args:
        times: When each frame is shown, seconds, ascending.

    Returns:
        Places of frames, each once, in order.
    """
    found: list[list[int]] = []
    for place, time_s in enumerate(times):
        if found and time_s - times[found[-1][-1]] <= LONGEST_STEP_S:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def strands(times: Sequence[float], run: Sequence[int]) -> list[list[int]]:
    """The frames of a run as sequences whose neighbours lie `SHORTEST_STEP_S` apart or more.

    Frames that are nearer go into different strands: 25 frames a second make two, of 0.08 s each.

    Returns:
        Places of frames, each once; of a strand of one frame nothing can be told.
    """
    found: list[list[int]] = []
    for place in run:
        waits = [(times[place] - times[strand[-1]], strand) for strand in found]
        fitting = [item for item in waits if SHORTEST_STEP_S - 1e-6 <= item[0] <= LONGEST_STEP_S]
        if fitting:
            min(fitting, key=lambda item: item[0])[1].append(place)
        else:
            found.append([place])
    return found


def count_steps(times: Sequence[float]) -> int:
    """How many steps a person's frames make; fewer than `LEAST_STEPS` are too few to judge by."""
    return sum(len(strand) - 1 for run in runs(times) for strand in strands(times, run))


def align(points: Points, mean_shape: npt.NDArray[np.floating]) -> tuple[Shapes, npt.NDArray[np.float64]]:
    """Lay the frames of a run onto their mean, which lies as the mean shape of all faces does.

    Args:
        points: float (..., T, 68, 2), in pixels.
        mean_shape: float (68, 2), of size one.

    Returns:
        Shapes, and float (..., T): how the face is turned within the picture, radians.
    """
    places = points[..., 0] + 1j * points[..., 1]
    centred = places - places[..., STABLE].mean(axis=-1, keepdims=True)
    shape = mean_shape[:, 0] + 1j * mean_shape[:, 1]
    reference = np.broadcast_to(shape, (*centred.shape[:-2], 1, 68))
    for _ in range(2):
        stable = reference[..., STABLE] - reference[..., STABLE].mean(axis=-1, keepdims=True)
        overlap = (stable.conj() * centred[..., STABLE]).sum(axis=-1)
        placed = overlap / np.maximum((np.abs(stable) ** 2).sum(axis=-1), 1e-12)
        placed = np.where(np.abs(placed) > 1e-9, placed, 1e-9)  # all points on one spot
        aligned = centred / placed[..., None]
        reference = aligned.mean(axis=-2, keepdims=True)
    return aligned, np.unwrap(np.angle(placed), axis=-1)


def signals(shapes: Shapes, turned: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What has a meaning, frame by frame: float (..., T, `NAMED`).

    Eyes: mean aspect ratio, and left less right. Mouth: inner opening, width, outer opening. Brows over the
    eyes. Head: to the side, up and down. Jaw under the nose. Mouth beside the nose. How the head is turned
    within the picture. Not how large it is: prepared faces are all of one size.
    """

    def distance(one: int, other: int) -> npt.NDArray[np.float64]:
        return np.asarray(np.abs(shapes[..., one] - shapes[..., other]))

    def aspect(first: int) -> npt.NDArray[np.float64]:
        lids = distance(first + 1, first + 5) + distance(first + 2, first + 4)
        return np.asarray(lids / (2 * distance(first, first + 3) + 1e-6))

    x, y = shapes.real, shapes.imag
    right_eye, left_eye = aspect(36), aspect(42)
    named = [
        (right_eye + left_eye) / 2,
        right_eye - left_eye,
        distance(62, 66),
        distance(48, 54),
        distance(51, 57),
        y[..., 17:27].mean(axis=-1) - y[..., 36:48].mean(axis=-1),
        (x[..., 30] - x[..., 0]) / _apart(x[..., 16] - x[..., 0]),
        (y[..., 30] - y[..., 27]) / _apart(y[..., 8] - y[..., 27]),
        y[..., 8] - y[..., 33],
        x[..., 48:68].mean(axis=-1) - x[..., 30],
        turned,
    ]
    return np.stack(named, axis=-1)


def _apart(lengths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.maximum(lengths, 0.1)  # of a face of size one; a jaw is not narrower


@dataclass(frozen=True, slots=True)
class Steps:
    """What changed from frame to frame, in `UNIT_S`; float32 each.

    `speeds`: (..., N, `SERIES`), 0 or more. `directions`: (..., N, `SERIES` - 1), from -1 to 1.
    """

    speeds: Array
    directions: Array


def steps(
    shapes: Shapes, turned: npt.NDArray[np.float64], times: Sequence[float], modes: npt.NDArray[np.floating]
) -> Steps:
    """Measure a strand.

    Args:
        shapes, turned: From `align`, of T frames.
        times: Of these frames, seconds.
        modes: float (`MODES`, 136), orthonormal, x and y of each point in turn.

    Returns:
        T - 1 steps.
    """
    flat = np.stack([shapes.real, shapes.imag], axis=-1).reshape(*shapes.shape[:-1], 136)
    moved = np.diff(flat, axis=-2)
    of_modes = moved @ modes.T
    rest = np.abs(moved - of_modes @ modes).mean(axis=-1, keepdims=True)
    seconds = np.diff(np.asarray(times, dtype=np.float64))[:, None] / UNIT_S
    changed = np.concatenate([np.diff(signals(shapes, turned), axis=-2), of_modes], axis=-1) / seconds
    speeds = np.concatenate([np.abs(changed), rest / seconds], axis=-1)
    directions = changed / (np.abs(changed) + SOFT)
    return Steps(speeds.astype(np.float32), directions.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Motion:
    """What all faces have in common: the "backbone" of a landmark detector.

    Of steps and summaries over genuine and manipulated clips alike, so that networks see numbers about one.
    """

    mean_shape: Array  # (68, 2)
    modes: Array  # (MODES, 136)
    step_mean: Array  # (CHANNELS,)
    step_deviation: Array
    summary_mean: Array  # (SUMMARY,)
    summary_deviation: Array

    @classmethod
    def of(cls, weights: Mapping[str, npt.NDArray[np.generic]]) -> Motion:
        """Out of a checkpoint's arrays.

        Raises:
            ValueError: They have other names or shapes.
        """
        shapes = {
            "mean_shape": (68, 2),
            "modes": (MODES, 136),
            "step_mean": (CHANNELS,),
            "step_deviation": (CHANNELS,),
            "summary_mean": (SUMMARY,),
            "summary_deviation": (SUMMARY,),
        }
        found = {name: weight.shape for name, weight in weights.items()}
        if found != shapes:
            raise ValueError(f"the weights are {found}, not {shapes}")
        return cls(**{name: weight.astype(np.float32) for name, weight in weights.items()})

    def channels(self, measured: Steps) -> Array:
        """Steps as the network reads them: float32 (..., N, `CHANNELS`)."""
        plain = np.concatenate([_logarithm(measured.speeds), measured.directions], axis=-1)
        return np.asarray((plain - self.step_mean) / self.step_deviation, dtype=np.float32)

    def summary(self, speeds: Array) -> Array:
        """How fast a person moves on the whole: float32 (..., N, `SERIES`) → float32 (..., `SUMMARY`)."""
        scaled = (summarise(speeds) - self.summary_mean) / self.summary_deviation
        return np.asarray(np.clip(scaled, -CLIPPED, CLIPPED), dtype=np.float32)


def _logarithm(speeds: Array) -> Array:
    floor = np.full(SERIES, FLOOR, np.float32)
    floor[-1] = REST_FLOOR
    return np.asarray(np.log(speeds + floor), dtype=np.float32)


def plain_channels(measured: Steps) -> Array:
    """As `Motion.channels`, before means and deviations are known."""
    return np.concatenate([_logarithm(measured.speeds), measured.directions], axis=-1)


def summarise(speeds: Array) -> Array:
    """Logarithms of mean speeds, of peaks and of medians as shares of these; not yet scaled."""
    mean = speeds.mean(axis=-2) + REST_FLOOR
    named, modes = slice(0, NAMED), slice(NAMED, NAMED + MODES)
    # Not the highest of all, which is the higher the more steps there are.
    peak = np.percentile(speeds[..., named], 95, axis=-2) / mean[..., named]
    median = np.median(speeds[..., modes], axis=-2) / mean[..., modes]
    parts = [np.log(mean), np.log(peak + FLOOR), np.log(median + FLOOR)]
    return np.concatenate(parts, axis=-1).astype(np.float32)
