"""A detector that is still being loaded: importing torch, where it is needed, takes longer than finding the
first faces of a video."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata, PictureMeasurement, Preprocessing, Sampling
from ml_app.detection.findings import DetectorInfo

if TYPE_CHECKING:
    from ml_app.detection.runtime.detector import Detector

_SHORT_TURN = 0.0005  # seconds that an import may keep the interpreter from whoever passes frames on


class Loadable(Protocol):
    """What an analysis needs of a detector before it has crops: a `Detector` or a `LoadingDetector`."""

    @property
    def info(self) -> DetectorInfo:
        """How findings name it."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How faces are found and cut."""

    @property
    def sampling(self) -> Sampling:
        """Which frames are read."""

    @property
    def pictures(self) -> PictureMeasurement | None:
        """How single pictures are judged; None where that was not measured."""

    def ready(self) -> Detector:
        """The detector itself, once it is loaded."""


class LoadingDetector:
    """Loads a detector in a thread. What its head's file says of itself is known at once."""

    def __init__(self, models_dir: Path, name: str, frames: int, device: str = "auto") -> None:
        """Begin; arguments and errors are those of `Detector.load`."""
        folder = open_folder(models_dir, name)
        pinned = folder.heads[folder.nearest(frames)]
        head = read_metadata(pinned.path, HeadMetadata)
        self.info, self.metadata, self.frames = head.info(pinned.sha256), head, frames
        self._detector: Future[Detector] = Future()
        threading.Thread(
            target=self._load, args=(models_dir, name, frames, device), name="load", daemon=True
        ).start()

    @property
    def preprocessing(self) -> Preprocessing:
        """How faces are found and cut."""
        return self.metadata.preprocessing

    @property
    def sampling(self) -> Sampling:
        """Which frames are read."""
        return self.metadata.sampling

    @property
    def pictures(self) -> PictureMeasurement | None:
        """How single pictures are judged; None where that was not measured."""
        return self.metadata.pictures

    def ready(self) -> Detector:
        """Wait for the detector.

        Raises:
            CheckpointError: It cannot be loaded.
        """
        return self._detector.result()

    def _load(self, models_dir: Path, name: str, frames: int, device: str) -> None:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_SHORT_TURN)
        try:
            from ml_app.detection.runtime.detector import Detector  # noqa: PLC0415 - the main thread need not wait

            self._detector.set_result(Detector.load(models_dir, name, frames, device))
        except BaseException as error:  # for whoever waits
            self._detector.set_exception(error)
        finally:
            sys.setswitchinterval(interval)
