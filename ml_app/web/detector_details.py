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
from ml_app.web.detector_figures import CAUGHT, FALSE_ALARMS, Figure, HeadFigures, detector_figures
from ml_app.web.wording import Words

COMPARED = ("auc", "pair_accuracy", *CAUGHT, *FALSE_ALARMS, "uncertain")


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


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of every detector; None where it was not measured."""

    name: Words
    group: Words
    figures: tuple[Figure | None, ...]


def compared(details: tuple[DetectorDetails, ...]) -> tuple[ComparedFigure, ...]:
    """The same figures of all detectors, by their checkpoints for the usual number of frames.

    None where fewer than two were measured.
    """
    heads = [_usual(one) for one in details]
    told = [{(str(f.group), f.key): f for f in head.figures} if head else {} for head in heads]
    if sum(map(bool, told)) < 2:
        return ()
    wanted = [key for key in told[0] if key[1] in COMPARED or (key[0] != "" and key[1] == "auc")]
    rows = [(key, tuple(found.get(key) for found in told)) for key in wanted]
    return tuple(
        ComparedFigure(told[0][key].name, told[0][key].group, figures)
        for key, figures in rows
        if sum(figure is not None for figure in figures) > 1
    )


def _usual(details: DetectorDetails) -> HeadFigures | None:
    heads = details.heads
    count = settings.DEFAULT_FRAME_COUNT
    return min(heads, key=lambda head: abs(head.frame_count - count)) if heads else None


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
