"""The measured figures that a detector's checkpoints carry, for people. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ml_app.detection.checkpoints import HeadMetadata, PinnedFile, open_folder, read_metadata
from ml_app.detection.errors import CheckpointError
from ml_app.wording import Words

OVERALL = ((), ("clips",))  # where the figures stand that sum a checkpoint up

LABELS: dict[str, Words] = {
    "auc": _("Area under the ROC curve"),
    "pairs": _("Fakes that score above their genuine twin"),
    "pair_accuracy": _("Fakes that score above their genuine twin"),
    "accuracy": _("Clips judged rightly"),
    "balanced_accuracy": _("Clips judged rightly, both kinds weighted alike"),
    "false_alarms": _("Genuine clips called manipulated"),
    "false_positive_rate": _("Genuine clips called manipulated"),
    "genuine_above_threshold": _("Genuine clips at or above the threshold"),
    "fakes_above_threshold": _("Manipulated clips at or above the threshold"),
    "not_analysable": _("Clips that could not be judged"),
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
    key: str = ""  # of `name`, in the metadata
    is_overall: bool = True  # of all clips, and not of some family of fakes


@dataclass(frozen=True, slots=True)
class Bin:
    """Clips of a calibration plot: mean predicted probability, share that was manipulated, how many."""

    predicted: float
    observed: float
    n: int


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
    slope: float = 1.0
    intercept: float = 0.0
    architecture: str = ""
    sampling: str = ""
    image_size: int = 0
    licence: str = ""
    file: str = ""
    sha256: str = ""  # as the manifest pins it
    size: int = 0  # bytes
    bins: tuple[Bin, ...] = ()


def detector_figures(*, name: str) -> tuple[HeadFigures, ...]:
    """The checkpoints of a detector by frame count, ascending; none where they cannot be read."""
    try:
        heads = open_folder(Path(settings.MODELS_DIR), name).heads
        return tuple(_read(head, head.path.stat().st_mtime_ns) for head in heads.values())
    except (CheckpointError, OSError):
        return ()


@lru_cache(maxsize=32)
def _read(pinned: PinnedFile, changed: int) -> HeadFigures:
    head = read_metadata(pinned.path, HeadMetadata)
    sampling = head.sampling.pattern
    return HeadFigures(
        frame_count=head.frame_count,
        version=head.version,
        threshold=head.decision.threshold,
        uncertain_low=head.decision.uncertain_low,
        uncertain_high=head.decision.uncertain_high,
        calibrated_on=head.calibration.fitted_on,
        training_data=head.training_data,
        figures=tuple(sorted(_figures(head.metrics, ()), key=lambda figure: figure.group)),
        slope=head.calibration.slope,
        intercept=head.calibration.intercept,
        architecture=head.architecture,
        sampling=f"{sampling} of {head.sampling.burst}" if sampling == "bursts" else sampling,
        image_size=head.preprocessing.image_size,
        licence=head.licence,
        file=pinned.path.name,
        sha256=pinned.sha256,
        size=pinned.path.stat().st_size,
        bins=tuple(_bins(head.metrics)),
    )


def _bins(metrics: Mapping[str, Any]) -> Iterator[Bin]:
    """`reliability`: records of predicted, observed and n, at the top or among the clips' figures."""
    clips = metrics.get("clips")
    rows = metrics.get("reliability") or (clips.get("reliability") if isinstance(clips, Mapping) else None)
    for row in rows if isinstance(rows, list) else []:
        values = [_number(row.get(key)) for key in ("predicted", "observed", "n")] if row else []
        predicted, observed, n = values if len(values) == 3 else (None, None, None)
        if predicted is not None and observed is not None and n:
            yield Bin(predicted, observed, int(n))


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
            key=key,
            is_overall=path in OVERALL,
        )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
