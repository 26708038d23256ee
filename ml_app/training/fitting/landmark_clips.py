"""Prepared clips as a landmark detector learns from them, and what all their faces have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.networks import landmark_motion
from ml_app.detection.networks.landmark_motion import LEAST_STEPS, MODES, Array, Motion, Shapes, Steps
from ml_app.training.data.shards import read_shards
from ml_app.training.fitting.sequences import places

SHAPE_EVERY = 8  # frames, neighbours being alike
LEAST_DEVIATION = 1e-3
SHORTEST_FRAME_S = 1e-3  # no video has more frames a second


@dataclass(frozen=True, slots=True)
class TrackedClip:
    """Landmarks of a prepared clip: float (T, 68, 2), and when each frame is shown, seconds."""

    points: npt.NDArray[np.float64]
    times: tuple[float, ...]
    fake: bool
    group: str
    generator: str


@dataclass(frozen=True, slots=True)
class Strand:
    """Frames of a clip whose neighbours were compared: their places, and one step less than there are."""

    places: tuple[int, ...]
    steps: Steps


@dataclass(frozen=True, slots=True)
class MovingClip:
    """How the face of a clip of so many frames moves, strand by strand."""

    frames: int
    strands: tuple[Strand, ...]
    fake: bool
    group: str
    generator: str


def tracked_clips(folders: Sequence[Path]) -> list[TrackedClip]:
    """The clips of prepared folders that show movement enough."""
    found = []
    for shard in (shard for folder in folders for shard in read_shards(folder) if shard.is_clip):
        times, first = tuple(face.time_s for face in shard.faces), shard.faces[0]
        if landmark_motion.count_steps(times) >= LEAST_STEPS:
            points = np.asarray(shard.landmarks, dtype=np.float64)
            found.append(TrackedClip(points, times, first.fake, first.group, first.generator))
    return found


def thinned(clip: TrackedClip, count: int, sampling: Sampling) -> TrackedClip:
    """The frames that a head of so many learns from: those that serving chooses from in such a clip.

    That is, as far apart as `sampling` has the neighbours of a group, in whole frames; evenly as many as the
    head reads, or all there are, where the clip is too short for that. A clip that was prepared with no more
    is left as it is.

    Args:
        clip: Of at least two frames.
        count: How many frames the head reads.
        sampling: Its groups.
    """
    step = float(np.median(np.diff(clip.times)))
    stride = max(1, round(sampling.burst_step_s / max(step, SHORTEST_FRAME_S)))
    kept = list(range(0, len(clip.times), stride))
    if len(kept) < count:
        kept = places(len(clip.times), count)
    return replace(clip, points=clip.points[kept], times=tuple(clip.times[place] for place in kept))


def fit_motion(clips: Sequence[TrackedClip]) -> Motion:
    """Mean shape, modes, means and deviations of clips.

    Raises:
        ValueError: There are not both classes, or fewer frames than modes.
    """
    if {clip.fake for clip in clips} != {True, False}:
        raise ValueError("a landmark detector needs genuine and manipulated clips of several frames a second")
    mean_shape = _mean_shape(clips)
    shapes = np.concatenate([np.concatenate([s for _, s, _ in _aligned(clip, mean_shape)]) for clip in clips])
    every = min(SHAPE_EVERY, max(1, len(shapes) // (4 * MODES)))
    flat = np.stack([shapes.real, shapes.imag], axis=-1).reshape(-1, 136)[::every]
    if len(flat) < MODES:
        raise ValueError(f"{len(flat)} shapes are too few for {MODES} modes: prepare more clips")
    modes = PCA(MODES, random_state=0).fit(flat).components_.astype(np.float32)
    moving = _measured(clips, mean_shape, modes)
    channels = np.concatenate(
        [landmark_motion.plain_channels(one.steps) for clip in moving for one in clip.strands]
    )
    summaries = np.stack(
        [landmark_motion.summarise(_speeds([one.steps for one in clip.strands])) for clip in moving]
    )
    return Motion(
        mean_shape.astype(np.float32),
        modes,
        channels.mean(axis=0),
        np.maximum(channels.std(axis=0), LEAST_DEVIATION),
        summaries.mean(axis=0),
        np.maximum(summaries.std(axis=0), LEAST_DEVIATION),
    )


def measured(motion: Motion, clips: Sequence[TrackedClip]) -> list[MovingClip]:
    """How the faces of clips move, told by what `fit_motion` has found."""
    return _measured(clips, motion.mean_shape, motion.modes)


def _mean_shape(clips: Sequence[TrackedClip]) -> npt.NDArray[np.float64]:
    """Generalised Procrustes analysis (Gower, 1975) over one shape of each clip."""
    shapes = np.stack([clip.points.mean(axis=0) for clip in clips])
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.sqrt((shapes**2).sum(axis=2).mean(axis=1))[:, None, None]
    mean: npt.NDArray[np.float64] = shapes.mean(axis=0)
    for _ in range(3):
        aligned = landmark_motion.align(shapes[:, None], mean)[0].mean(axis=(0, 1))
        mean = np.stack([aligned.real, aligned.imag], axis=-1)
        mean -= mean.mean(axis=0)
        mean /= np.sqrt((mean**2).sum(axis=1).mean())
    return mean


def _aligned(
    clip: TrackedClip, mean_shape: npt.NDArray[np.floating]
) -> list[tuple[list[int], Shapes, npt.NDArray[np.float64]]]:
    runs = landmark_motion.runs(clip.times)
    return [(run, *landmark_motion.align(clip.points[run], mean_shape)) for run in runs]


def _measured(
    clips: Sequence[TrackedClip], mean_shape: npt.NDArray[np.floating], modes: npt.NDArray[np.floating]
) -> list[MovingClip]:
    return [_moving(clip, mean_shape, modes) for clip in clips]


def _moving(
    clip: TrackedClip, mean_shape: npt.NDArray[np.floating], modes: npt.NDArray[np.floating]
) -> MovingClip:
    found = []
    for run, shapes, turned in _aligned(clip, mean_shape):
        for strand in landmark_motion.strands(clip.times, run):
            if len(strand) > 1:
                within = [place - run[0] for place in strand]
                times = [clip.times[place] for place in strand]
                steps = landmark_motion.steps(shapes[within], turned[within], times, modes)
                found.append(Strand(tuple(strand), steps))
    return MovingClip(len(clip.times), tuple(found), clip.fake, clip.group, clip.generator)


def _speeds(strands: Sequence[Steps]) -> Array:
    return np.concatenate([steps.speeds for steps in strands])


@dataclass(frozen=True, slots=True)
class Window:
    """Some frames of a clip as a head reads them."""

    strands: list[Tensor]  # float (N, channels) each
    summary: Tensor


def window_of(motion: Motion, clip: MovingClip, start: int, count: int) -> Window | None:
    """Of these frames; None where they make too few steps."""
    chosen = []
    for strand in clip.strands:
        within = [i for i, place in enumerate(strand.places) if start <= place < start + count]
        if len(within) > 1:
            part = slice(within[0], within[-1])
            chosen.append(Steps(strand.steps.speeds[part], strand.steps.directions[part]))
    if sum(len(steps.speeds) for steps in chosen) < LEAST_STEPS:
        return None
    summary = torch.from_numpy(motion.summary(_speeds(chosen)))
    return Window([torch.from_numpy(motion.channels(steps)) for steps in chosen], summary)


def draw_windows(
    motion: Motion, clips: Sequence[MovingClip], count: int, rng: np.random.Generator | None = None
) -> tuple[list[Window], list[MovingClip]]:
    """One of each clip that has any, and these clips: from its middle, or with `rng` of any place and of half
    as many frames up to all."""
    found = []
    for clip in clips:
        frames, start = count, max(0, (clip.frames - count) // 2)
        if rng is not None:
            frames = int(rng.integers(-(-count // 2), count + 1))
            start = int(rng.integers(max(1, clip.frames - frames + 1)))
        window = window_of(motion, clip, start, frames)
        if window is not None:
            found.append((window, clip))
    return [window for window, _ in found], [clip for _, clip in found]
