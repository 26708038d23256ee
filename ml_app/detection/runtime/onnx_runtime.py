"""Small networks on a CPU, in ONNX Runtime and numpy, without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import load_arrays, misfit, read_metadata
from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata
from ml_app.detection.faces.crops import Image
from ml_app.detection.hardware import usable_cores
from ml_app.detection.networks.backbone_onnx import CROPS, EMBEDDINGS, FEATURES, SERVED, backbone_graph
from ml_app.detection.networks.sequence_head_numpy import NumpySequenceHead

Array = npt.NDArray[np.float32]

CHUNK = 16  # crops at a time: more need more memory and are not faster
_ERRORS_ONLY = 3  # of ONNX Runtime's log


def can_serve(backbone: str, architecture: str) -> bool:
    """Whether networks of these names can run here."""
    return backbone in SERVED and architecture.endswith("_lstm") and not architecture.startswith("published")


class OnnxNetwork:
    """A backbone and a head in single precision. Safe to use from several threads."""

    device = "cpu"

    def __init__(
        self, session: Any, head: NumpySequenceHead, threads: int, colour_order: str, second: Any = None
    ) -> None:
        self.session, self._second = session, second
        self.head = head
        self._threads = threads
        self._step = -1 if colour_order == "BGR" else 1

    def describe(self) -> str:
        """The device in words."""
        return f"CPU, {self._threads} threads, float32"

    def embed(self, crops: Sequence[Image]) -> Array:
        """uint8 (size, size, 3) RGB each → float32 (N, channels)."""
        return self._run(EMBEDDINGS, crops)

    def embed_second(self, crops: Sequence[Image]) -> Array:
        """As `embed`, by the second network."""
        return self._run(EMBEDDINGS, crops, self._second)

    def features(self, crops: Sequence[Image]) -> Array:
        """uint8 (size, size, 3) RGB each → float32 (N, channels, h, w)."""
        return self._run(FEATURES, crops)

    def logits(
        self,
        people: Sequence[Array],
        times: Sequence[Sequence[float]] | None = None,
        second: Sequence[Array] | None = None,
    ) -> list[tuple[Array, float]]:
        """float32 (T, channels) each → a logit for each frame, and their mean."""
        found = [
            self.head.logits(
                person,
                times[number] if times is not None else None,
                second[number] if second is not None else None,
            )
            for number, person in enumerate(people)
        ]
        return [(logits, float(logits.mean())) for logits in found]

    def gradient(self, embeddings: Array) -> Array:
        """Of the sum of the logits by the embeddings: float32 (T, channels)."""
        return self.head.gradient(embeddings)

    def _run(self, wanted: str, crops: Sequence[Image], session: Any = None) -> Array:
        parts = []
        for start in range(0, len(crops), CHUNK):
            pixels = np.stack(crops[start : start + CHUNK])[..., :: self._step]
            parts += (session or self.session).run([wanted], {CROPS: np.ascontiguousarray(pixels)})
        return np.concatenate(parts)


def load(
    backbone: PinnedFile, head: PinnedFile, metadata: HeadMetadata, second: PinnedFile | None = None
) -> OnnxNetwork:
    """Load networks that `can_serve` knows. Backbones are kept in memory: the heads of a detector share one.

    Raises:
        CheckpointError: A file is damaged, or does not hold the weights of its network.
    """
    weights = load_arrays(head)  # first: the smaller file tells sooner what is wrong
    try:
        scorer = NumpySequenceHead(weights, metadata.dimensions)
    except (ValueError, KeyError) as error:
        raise misfit(head, error) from error
    threads = usable_cores()
    return OnnxNetwork(
        _session(backbone, threads),
        scorer,
        threads,
        metadata.preprocessing.colour_order,
        _session(second, threads, metadata.second_backbone) if second else None,
    )


@lru_cache(maxsize=4)
def _session(pinned: PinnedFile, threads: int, backbone: str = "") -> Any:
    import onnxruntime  # noqa: PLC0415 - only where a network runs

    metadata = read_metadata(pinned.path, BackboneMetadata)
    try:
        graph = backbone_graph(backbone or metadata.backbone, load_arrays(pinned), metadata.preprocessing)
    except ValueError as error:
        raise misfit(pinned, error) from error
    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    # Threads that wait must not keep a core from those who look for faces meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
