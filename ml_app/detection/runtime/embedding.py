"""The network beside the search for faces: they are embedded as they come, in a thread. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.inputs import Input
from ml_app.detection.runtime.loading import Loadable
from ml_app.detection.runtime.network import BATCH

Array = npt.NDArray[np.float32]

PATIENCE = 0.2  # seconds until the caller is asked again whether to go on


class Embedder:
    """Embeds faces in their order, while more of them come. Leave its block in any case.

    with Embedder(detector) as embedder:
        embedder.add(inputs)
        ...
        embeddings = embedder.finish()
    """

    def __init__(self, detector: Loadable) -> None:
        self._detector = detector
        self._thread = ThreadPoolExecutor(1, "embed")
        self._waiting: list[Input] = []
        self._batches: list[Future[Array]] = []
        self.count = 0
        """How many faces there are."""

    def __enter__(self) -> Embedder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def add(self, inputs: Sequence[Input]) -> None:
        """More faces, as `faces.inputs` gives them."""
        self.count += len(inputs)
        self._waiting += inputs
        while len(self._waiting) >= BATCH:
            self._send()

    def finish(self, on_done: Callable[[int], None] = lambda done: None) -> list[Array]:
        """Wait for the embeddings of all faces.

        Args:
            on_done: Called now and again with the number of faces that are done; what it raises ends the
                waiting.

        Returns:
            float32 (BATCH or fewer, channels) each, in the order of the faces.

        Raises:
            CheckpointError: The detector cannot be loaded.
            DetectionError: The network failed for a known reason.
        """
        if self._waiting:
            self._send()
        on_done(0)
        done = 0
        embeddings = []
        for batch in self._batches:
            while not wait([batch], PATIENCE).done:
                on_done(done)
            embeddings.append(batch.result())
            done += len(embeddings[-1])
            on_done(done)
        return embeddings

    def _send(self) -> None:
        inputs, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        self._batches.append(self._thread.submit(self._embed, inputs))

    def _embed(self, inputs: Sequence[Input]) -> Array:
        return self._detector.ready().embed(inputs)
