"""The measured figures that a detector's checkpoints carry, for people. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import PinnedFile, open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata, PictureMeasurement
from ml_app.detection.errors import CheckpointError
from ml_app.web.wording import Words

OVERALL = ((), ("clips",))  # where the figures stand that sum a checkpoint up
# Keys that different versions of the measurement gave to the same figure, the newest first
CAUGHT = ("true_positive_rate", "caught", "fakes_above_threshold")
FALSE_ALARMS = ("false_positive_rate", "false_alarms", "genuine_above_threshold")
COUNTS = ("not_analysable",)
NO_SHARES = (
    "auc",
    "brier",
    "ece",
    "log_loss",
    "gain_over_first_part",
    *COUNTS,
)  # all others are told in per cent

LABELS: dict[str, Words] = {
    "auc": _("Area under the ROC curve"),
    "pairs": _("Fakes that score above their genuine twin"),
    "pair_accuracy": _("Fakes that score above their genuine twin"),
    "caught": _("Manipulated clips flagged"),
    "true_positive_rate": _("Manipulated clips flagged"),
    "false_alarms": _("Genuine clips flagged wrongly"),
    "false_positive_rate": _("Genuine clips flagged wrongly"),
    "genuine_above_threshold": _("Genuine clips at or above the threshold"),
    "fakes_above_threshold": _("Manipulated clips at or above the threshold"),
    "fakes_called_real": _("Manipulated clips where no evidence was found"),
    "uncertain": _("Clips left uncertain"),
    "not_analysable": _("Clips that could not be judged"),
    "accuracy": _("Clips judged rightly"),
    "balanced_accuracy": _("Clips judged rightly, both kinds weighted alike"),
    "brier": _("Brier score"),
    "ece": _("Expected calibration error"),
    "abstained_for_disagreement": _("Clips on which its detectors contradict each other"),
    "gain_over_first_part": _("Gain in area under the ROC curve over its first detector alone"),
}
PICTURES = "pictures"  # the group of what was measured on them
PICTURE_LABELS: dict[str, Words] = {
    "true_positive_rate": _("Manipulated pictures flagged"),
    "false_positive_rate": _("Genuine pictures flagged wrongly"),
    "fakes_called_real": _("Manipulated pictures where no evidence was found"),
    "uncertain": _("Pictures left uncertain"),
    "not_analysable": _("Pictures that could not be judged"),
}
GROUPS: dict[str, Words] = {
    "families": _("by kind of manipulation"),
    "held_out": _("on sources that it was not fitted on"),
    "disagreement": _("order of the clips on which its detectors contradict each other, by how clearly"),
    "generators": _("by generator"),
    "pictures": _("single pictures"),
    "sets": _("by set of genuine pictures"),
    "face swap": _("face swap"),
    "face_swap": _("face swap"),
    "generated talking head": _("generated talking head"),
    "in the wild": _("in the wild"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, with its 95 % interval and how many clips it was measured on where known."""

    name: Words
    group: Words  # such as a family of fakes; empty for all of them
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    key: str = ""  # of `name`, in the metadata
    is_overall: bool = True  # of all clips, and not of some family of fakes
    is_held_out: bool = False  # of all clips, each judged by a fit on other sources

    @property
    def is_share(self) -> bool:
        """Whether it is a share, to be told in per cent."""
        return self.key not in NO_SHARES and 0.0 <= self.value <= 1.0

    @property
    def is_count(self) -> bool:
        """Whether it is a number of clips."""
        return self.key in COUNTS

    @property
    def chance(self) -> float | None:
        """What guessing would give, where that is known."""
        return 0.5 if self.key in ("auc", "pairs", "pair_accuracy") else None


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
    sampling: str = ""  # "even" or "bursts"
    burst: int = 0  # frames
    image_size: int = 0
    reads: str = "crops"  # or "landmarks"
    licence: str = ""
    file: str = ""
    sha256: str = ""  # as the manifest pins it
    size: int = 0  # bytes
    bins: tuple[Bin, ...] = ()
    pictures: PictureMeasurement | None = None  # how single pictures are judged, where this head does it

    def overall(self, *keys: str) -> Figure | None:
        """The first of these figures that was measured on all clips."""
        found = {figure.key: figure for figure in self.figures if figure.is_overall}
        return next((found[key] for key in keys if key in found), None)

    @property
    def auc(self) -> Figure | None:
        """On what nothing was fitted on, where that was measured: an ensemble is fitted on the very clips."""
        held_out = (figure for figure in self.figures if figure.is_held_out and figure.key == "auc")
        return next(held_out, None) or self.overall("auc")

    @property
    def caught(self) -> Figure | None:
        return self.overall(*CAUGHT)

    @property
    def false_alarms(self) -> Figure | None:
        return self.overall(*FALSE_ALARMS)

    @property
    def uncertain(self) -> Figure | None:
        return self.overall("uncertain")

    @property
    def summary(self) -> tuple[Figure | None, ...]:
        """What a table of all checkpoints tells of each."""
        return self.auc, self.caught, self.false_alarms, self.uncertain


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
        figures=_in_order(_figures(_measured(head), ())),
        slope=head.calibration.slope,
        intercept=head.calibration.intercept,
        architecture=head.architecture,
        sampling=sampling,
        burst=head.sampling.burst,
        image_size=head.preprocessing.image_size,
        reads=head.preprocessing.reads,
        licence=head.licence,
        file=pinned.path.name,
        sha256=pinned.sha256,
        size=pinned.path.stat().st_size,
        bins=tuple(_bins(head.metrics)),
        pictures=head.pictures,
    )


def _measured(head: HeadMetadata) -> dict[str, Any]:
    return head.metrics | ({PICTURES: head.pictures.metrics} if head.pictures else {})


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
            name=_label(key, path),
            group=_group(path),
            value=float(record["value"]),
            low=_number(record.get("low")),
            high=_number(record.get("high")),
            n=record.get("n") if isinstance(record.get("n"), int) else None,
            key=key,
            is_overall=path in OVERALL,
            is_held_out=path == ("held_out",),
        )


def _label(key: str, path: tuple[str, ...]) -> Words:
    of_pictures = PICTURE_LABELS.get(key) if path[:1] == (PICTURES,) else None
    return of_pictures or LABELS.get(key) or GROUPS.get(key, key.replace("_", " "))


def _in_order(figures: Iterator[Figure]) -> tuple[Figure, ...]:
    """Those of all clips first, then group by group as the file has them; in each the most telling first."""
    order, found = list(LABELS), list(figures)
    groups = list(dict.fromkeys(str(figure.group) for figure in found))
    found.sort(key=lambda figure: order.index(figure.key) if figure.key in order else len(order))
    return tuple(sorted(found, key=lambda figure: (not figure.is_overall, groups.index(str(figure.group)))))


def _group(path: tuple[str, ...]) -> Words:
    """The names of a group's levels, translated only where they are shown: what is read here is kept."""
    names = [GROUPS.get(part, part.replace("_", " ")) for part in path if part != "clips"]
    return format_lazy(": ".join(["{}"] * len(names)), *names) if names else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
