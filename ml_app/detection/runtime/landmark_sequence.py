"""An imported network over a sequence of landmarks at work: numpy alone, on the CPU. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import load_arrays, misfit
from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.faces.inputs import Input
from ml_app.detection.findings import Reason
from ml_app.detection.networks.keras.activations import Array
from ml_app.detection.networks.keras.sequential import POINTS, KerasSequential, LandmarkRange
from ml_app.detection.networks.landmark_head_numpy import held

LEAST_SHARE = 0.9  # of the network's frames; the others are filled by those before them
_AT_ONCE = 17  # sequences


class LandmarkSequenceNetwork:
    """Says one thing of a person's first frames together. Safe to use from several threads.

    Where a person stands and how large they are is read as well: the published networks of this kind do.
    """

    device = "cpu"

    def __init__(self, scaling: LandmarkRange, network: KerasSequential, frames: int) -> None:
        self._scaling, self._network, self._frames = scaling, network, frames

    def describe(self) -> str:
        """The device in words."""
        return "CPU, 1 thread, float32"

    def obstacle(self, times: Sequence[float]) -> Reason:
        """TOO_FEW_FRAMES where there are fewer than `LEAST_SHARE` of the network's; else NONE."""
        return Reason.NONE if len(times) >= LEAST_SHARE * self._frames else Reason.TOO_FEW_FRAMES

    def embed(self, inputs: Sequence[Input]) -> Array:
        """float32 (68, 2) each → float32 (N, 136), the landmarks themselves."""
        return np.stack(inputs).astype(np.float32).reshape(len(inputs), POINTS)

    def logits(
        self,
        people: Sequence[Array],
        times: Sequence[Sequence[float]] | None = None,
        second: Sequence[Array] | None = None,
    ) -> list[tuple[Array, float]]:
        """float32 (T, 136) each → the person's logit, which is that of each frame; zero for too few frames.

        `times` and `second` are never read.
        """
        found = []
        for person in people:
            logit = 0.0
            if self.obstacle([0.0] * len(person)) is Reason.NONE:
                logit = float(self._scored(person[self._places(len(person))][None])[0])
            found.append((np.full(len(person), logit, np.float32), logit))
        return found

    def points(self, person: Array, times: Sequence[float], place: int) -> Array:
        """By how much the logit falls if one point after the other had moved smoothly about a frame.

        Args:
            person: float32 (T, 136).
            times: Never read.
            place: Of the frame, 0..T-1.

        Returns:
            float32 (68,); zero where the frame is not read.
        """
        places = self._places(len(person))
        read = np.flatnonzero(places == place)
        if not len(read) or self.obstacle(times) is not Reason.NONE:
            return np.zeros(68, np.float32)
        pairs = person[places].reshape(-1, 68, 2).astype(np.float64)
        smooth = held(pairs[..., 0] + 1j * pairs[..., 1], int(read[0]))
        changed = np.stack([smooth.real, smooth.imag], axis=-1).reshape(68, -1, POINTS)
        return np.asarray(self._scored(person[places][None]) - self._scored(changed), dtype=np.float32)

    def _places(self, count: int) -> npt.NDArray[np.int64]:
        """Which of a person's frames the network reads: its first, or each of too few for up to two."""
        steps = np.arange(self._frames)
        return steps if count >= self._frames else steps * count // self._frames

    def _scored(self, sequences: npt.NDArray[np.floating]) -> Array:
        parts = [sequences[first : first + _AT_ONCE] for first in range(0, len(sequences), _AT_ONCE)]
        return np.concatenate([self._network.logits(self._scaling.scale(part)) for part in parts])


def load(backbone: PinnedFile, head: PinnedFile, metadata: HeadMetadata) -> LandmarkSequenceNetwork:
    """Load an imported detector.

    Raises:
        CheckpointError: A file is damaged, or does not hold what it should.
    """
    frames = metadata.frame_count
    try:
        network = KerasSequential(metadata.layers, load_arrays(head), metadata.label_order, frames)
    except ValueError as error:
        raise misfit(head, error) from error
    try:
        scaling = LandmarkRange(load_arrays(backbone))
        scaling.scale(np.zeros((frames, POINTS)))
    except ValueError as error:
        raise misfit(backbone, error) from error
    return LandmarkSequenceNetwork(scaling, network, frames)
