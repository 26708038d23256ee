"""Whether a person looks drawn, by what the second network saw of a few frames: a linear reading of it.

Means and deviations of a vision transformer's tokens hold how strokes, flat colours and outlines look. It
costs a sum of products, as the second network has looked already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import how_second_looks, load_arrays, misfit, read_metadata
from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import DrawnMetadata, HeadMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.detection.networks.second_look_shape import SECOND_LOOKS, TOKENS_FROM

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DrawnReading:
    """float32 (moments,) and a bias, and the logits from which a person of a video or a picture is drawn."""

    weight: Array
    bias: float
    threshold: float
    picture_threshold: float

    def logit(self, second: Array) -> float:
        """Of the second network's embedding of a person, float32 (channels,)."""
        return float(second[TOKENS_FROM:] @ self.weight) + self.bias

    def __call__(self, second: Array, *, picture: bool) -> bool:
        """Whether the person counts as drawn; `picture`: by one picture, not the mean of a few frames."""
        return self.logit(second) >= (self.picture_threshold if picture else self.threshold)


def load(pinned: PinnedFile, head: HeadMetadata, second: PinnedFile) -> DrawnReading:
    """Load the reading that stands beside a head and its second network.

    Raises:
        CheckpointError: The file is damaged, does not hold what it says, or reads another second network.
    """
    about = read_metadata(pinned.path, DrawnMetadata)
    arrays = load_arrays(pinned)
    try:
        weight = np.asarray(arrays["weight"], dtype=np.float32)
        bias = float(arrays["bias"][0])
        shape = SECOND_LOOKS[about.second_backbone]
        if weight.shape != (shape.channels - TOKENS_FROM,):
            raise ValueError(f"{weight.shape} weights, not those of {about.second_backbone}")
    except (KeyError, ValueError, IndexError) as error:
        raise misfit(pinned, error) from error
    if (about.second_sha256, about.second_backbone) != (second.sha256, how_second_looks(head, second)):
        raise CheckpointError(
            "wrong_backbone",
            f"The parts of the detector {head.name!r} do not belong together. Install the detector again.",
            f"{pinned.path.name} reads {about.second_sha256} ({about.second_backbone})",
        )
    return DrawnReading(weight, bias, about.threshold, about.picture_threshold)
