"""The measured figures that a detector's checkpoints carry, for people. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ml_app.detection.checkpoints import HeadMetadata, open_folder, read_metadata
from ml_app.detection.errors import CheckpointError
from ml_app.wording import Words

LABELS: dict[str, Words] = {
    "auc": _("Area under the ROC curve"),
    "pairs": _("Fakes that score above their genuine twin"),
    "pair_accuracy": _("Fakes that score above their genuine twin"),
    "accuracy": _("Clips judged rightly"),
    "balanced_accuracy": _("Clips judged rightly, both kinds weighted alike"),
    "false_alarms": _("Genuine clips called manipulated"),
    "false_positive_rate": _("Genuine clips called manipulated"),
    "caught": _("Manipulated clips called so"),
    "true_positive_rate": _("Manipulated clips called so"),
    "uncertain": _("Clips left uncertain"),
    "brier": _("Brier score"),
    "ece": _("Expected calibration error"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, with its 95 % interval and how many clips it was measured on where known."""

    name: Words
    group: str  # such as a family of fakes; empty for all of them
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class HeadFigures:
    """What a checkpoint says of itself."""

    frame_count: int
    version: str
    threshold: float
    uncertain_low: float
    uncertain_high: float
    calibrated_on: str
    training_data: str
    figures: tuple[Figure, ...]


def detector_figures(*, name: str) -> tuple[HeadFigures, ...]:
    """The checkpoints of a detector by frame count, ascending; none where they cannot be read."""
    try:
        heads = open_folder(Path(settings.MODELS_DIR), name).heads
        return tuple(_read(head.path, head.path.stat().st_mtime_ns) for head in heads.values())
    except (CheckpointError, OSError):
        return ()


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> HeadFigures:
    head = read_metadata(path, HeadMetadata)
    return HeadFigures(
        frame_count=head.frame_count,
        version=head.version,
        threshold=head.decision.threshold,
        uncertain_low=head.decision.uncertain_low,
        uncertain_high=head.decision.uncertain_high,
        calibrated_on=head.calibration.fitted_on,
        training_data=head.training_data,
        figures=tuple(sorted(_figures(head.metrics, ()), key=lambda figure: figure.group)),
    )


def _figures(metrics: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Figure]:
    """Numbers, or records of value, low, high and n; whatever else is nested is a group."""
    for key, value in metrics.items():
        if isinstance(value, Mapping) and "value" not in value:
            yield from _figures(value, (*path, key))
            continue
        record = value if isinstance(value, Mapping) else {"value": value}
        if _number(record.get("value")) is None:
            continue
        yield Figure(
            name=LABELS.get(key, key.replace("_", " ")),
            group=" · ".join(path).replace("_", " "),
            value=float(record["value"]),
            low=_number(record.get("low")),
            high=_number(record.get("high")),
            n=record.get("n") if isinstance(record.get("n"), int) else None,
        )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
