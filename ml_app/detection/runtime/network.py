"""What a detector needs of the library that its networks run in, and which library that is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import how_second_looks, read_metadata
from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.inputs import Input
from ml_app.detection.findings import Reason
from ml_app.detection.hardware import has_nvidia_gpu
from ml_app.detection.networks import landmark_motion
from ml_app.detection.networks.keras import sequential
from ml_app.detection.runtime import landmark_sequence, landmarks, onnx_runtime

Array = npt.NDArray[np.float32]

Times = Sequence[Sequence[float]] | None  # of each person's frames, seconds; None where unknown
Second = Sequence[Array] | None  # of each person, the second network's embedding; None without such a network

BATCH = 16  # inputs, across frames and persons; always so many, or the scores would depend on timing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PersonScores:
    """Logits of FAKE of one person, not calibrated."""

    frames: tuple[float, ...]
    person: float


class Network(Protocol):
    """A backbone and a head, loaded somewhere: a `CropNetwork` or a `LandmarkReader`."""

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""

    def describe(self) -> str:
        """The device in words, such as "CPU, 2 threads, float32"."""

    def embed(self, inputs: Sequence[Input], /) -> Array:
        """What `faces.inputs` gives of each sighting → float32 (N, channels)."""

    def logits(
        self, people: Sequence[Array], times: Times = None, second: Second = None
    ) -> list[tuple[Array, float]]:
        """float32 (T, channels) each, in order of time → a logit for each frame, and the person's."""


class CropNetwork(Network, Protocol):
    """One that reads crops."""

    def features(self, crops: Sequence[Image]) -> Array:
        """uint8 (size, size, 3) RGB each → float32 (N, channels, h, w), whose means are the embeddings."""

    def embed_second(self, crops: Sequence[Image]) -> Array:
        """As `embed`, by the second network, which there must be."""

    def gradient(self, embeddings: Array) -> Array:
        """Of the sum of one person's logits by the embeddings: float32 (T, channels)."""


class LandmarkReader(Network, Protocol):
    """One that reads landmarks."""

    def obstacle(self, times: Sequence[float]) -> Reason:
        """Why a person's frames, shown at these seconds, cannot be read; NONE where they can."""

    def points(self, person: Array, times: Sequence[float], place: int) -> Array:
        """What each point's movement about a frame adds to the logits: float32 (T, 136) → float32 (68,)."""


def load_network(
    backbone: PinnedFile,
    head: PinnedFile,
    metadata: HeadMetadata,
    device: str,
    second: PinnedFile | None = None,
) -> Network:
    """Load the networks of a detector in the library that suits them and the device best.

    Landmark detectors in numpy, wherever they are: there is next to nothing to compute.

    ONNX Runtime for the small networks on a CPU: it starts in a tenth of the time and needs half of it for
    a face. PyTorch for all else.

    Args:
        backbone: Its file.
        head: Its file.
        metadata: The head's.
        device: "auto" (a GPU if there is one), "cpu" or "cuda".
        second: The file of the second network, where the head reads one.

    Raises:
        CheckpointError: A file is damaged or unknown, or the device is not there.
    """
    if metadata.architecture == landmark_motion.ARCHITECTURE:
        return landmarks.load(backbone, head, metadata)
    if metadata.architecture == sequential.ARCHITECTURE:
        return landmark_sequence.load(backbone, head, metadata)
    if device == "cpu" or (device == "auto" and not has_nvidia_gpu()):
        kinds = [read_metadata(backbone.path, BackboneMetadata).backbone]
        if second:
            kinds.append(how_second_looks(metadata, second))
        if all(onnx_runtime.can_serve(kind, metadata.architecture) for kind in kinds):
            logger.info("DEVICE=%s takes the CPU", device)
            return onnx_runtime.load(backbone, head, metadata, second)
    from ml_app.detection.runtime import pytorch  # noqa: PLC0415 - imports torch

    return pytorch.load(backbone, head, metadata, device, second)
