"""A landmark detector at work: numpy alone, on the CPU whatever device was asked for. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml_app.detection.checkpoints.files import load_arrays, misfit
from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.faces.inputs import Input
from ml_app.detection.findings import Reason
from ml_app.detection.networks.landmark_head_numpy import LandmarkScorer, NumpyLandmarkHead
from ml_app.detection.networks.landmark_motion import LEAST_STEPS, Array, Motion, count_steps


class LandmarkNetwork:
    """A landmark detector's files, loaded. Safe to use from several threads."""

    device = "cpu"

    def __init__(self, scorer: LandmarkScorer) -> None:
        self._scorer = scorer

    def describe(self) -> str:
        """The device in words."""
        return "CPU, 1 thread, float32"

    def obstacle(self, times: Sequence[float]) -> Reason:
        """FRAMES_TOO_FAR_APART where frames shown at these seconds make too few steps; else NONE."""
        return Reason.NONE if count_steps(times) >= LEAST_STEPS else Reason.FRAMES_TOO_FAR_APART

    def embed(self, inputs: Sequence[Input]) -> Array:
        """float32 (68, 2) each → float32 (N, 136), the landmarks themselves: one frame moves nothing."""
        return np.stack(inputs).astype(np.float32).reshape(len(inputs), -1)

    def logits(
        self,
        people: Sequence[Array],
        times: Sequence[Sequence[float]] | None = None,
        second: Sequence[Array] | None = None,
    ) -> list[tuple[Array, float]]:
        """float32 (T, 136) each → a logit for each frame, and their mean; zero without times.

        `second` is never read: a landmark detector has no second network.
        """
        if times is None:
            return [(np.zeros(len(person), np.float32), 0.0) for person in people]
        found = [
            self._scorer.frames(person.reshape(-1, 68, 2), when)
            for person, when in zip(people, times, strict=True)
        ]
        return [(logits, float(logits.mean())) for logits in found]

    def points(self, person: Array, times: Sequence[float], place: int) -> Array:
        """What each point's movement about a frame adds, see `LandmarkScorer.points`: float32 (68,)."""
        return self._scorer.points(person.reshape(-1, 68, 2), times, place)


def load(backbone: PinnedFile, head: PinnedFile, metadata: HeadMetadata) -> LandmarkNetwork:
    """Load a landmark detector.

    Raises:
        CheckpointError: A file is damaged, or does not hold what it should.
    """
    try:
        scorer = NumpyLandmarkHead(load_arrays(head), metadata.dimensions)
    except (ValueError, KeyError) as error:
        raise misfit(head, error) from error
    try:
        motion = Motion.of(load_arrays(backbone))
    except ValueError as error:
        raise misfit(backbone, error) from error
    return LandmarkNetwork(LandmarkScorer(motion, scorer))
