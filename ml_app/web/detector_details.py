"""What the Models page tells of each installed detector. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import PinnedFile, available
from ml_app.detection.checkpoints.metadata import BackboneMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.services.detectors import DetectorState, detector_state
from ml_app.web.detector_figures import HeadFigures, detector_figures


@dataclass(frozen=True, slots=True)
class BackboneDetails:
    """A file that all heads of a detector share."""

    architecture: str
    training_data: str
    licence: str
    file: str
    sha256: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class DetectorDetails:
    """One installed detector."""

    state: DetectorState
    in_use: bool
    backbone: BackboneDetails | None  # None where its file cannot be read
    second: BackboneDetails | None  # that which looks at a few frames, where there is one
    heads: tuple[HeadFigures, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """The offered frame counts that have no checkpoint of their own."""
        return tuple(n for n in settings.FRAME_COUNTS if n not in self.state.frame_counts)


def detector_details() -> tuple[DetectorDetails, ...]:
    """All detectors of the models folder; the one in use first, even if it is not there."""
    names = [folder.name for folder in available(Path(settings.MODELS_DIR))]
    others = [name for name in names if name != settings.DETECTOR]
    return tuple(_details(name) for name in (settings.DETECTOR, *others))


def _details(name: str) -> DetectorDetails:
    folder = next((found for found in available(Path(settings.MODELS_DIR)) if found.name == name), None)
    return DetectorDetails(
        state=detector_state(name=name),
        in_use=name == settings.DETECTOR,
        backbone=_backbone(folder.backbone) if folder else None,
        second=_backbone(folder.second) if folder and folder.second else None,
        heads=detector_figures(name=name),
    )


def _backbone(pinned: PinnedFile) -> BackboneDetails | None:
    try:
        about = read_metadata(pinned.path, BackboneMetadata)
        size = pinned.path.stat().st_size
    except (CheckpointError, OSError):
        return None
    return BackboneDetails(
        about.backbone,
        about.training_data,
        about.licence,
        pinned.path.name,
        pinned.sha256,
        size,
    )
