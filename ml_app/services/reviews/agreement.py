"""How often reviewers found the detector right: figures of settled cases, and whether scores have drifted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, F, IntegerField, Sum
from django.db.models.functions import Cast, Floor, TruncMonth
from django.utils import timezone

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import head_by_sha256
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.models import Review, ReviewCaseQuerySet, Scan, ScanQuerySet, Verdict

BINS = 10  # of equal width, as in the checkpoints
RECENT = timedelta(days=90)  # whose scores are set against those of calibration
FEWEST = 30  # recent scores; fewer say nothing
DRIFTED = 0.25  # population stability index; Siddiqi, Credit Risk Scorecards, 2006
_Z = 1.959964  # of the normal distribution, two-sided 95 %
_CHI2 = 16.919  # 95th percentile of chi-squared with BINS - 1 degrees of freedom
_TRUTH = {Review.Decision.CONFIRMED_FAKE.value: True, Review.Decision.CONFIRMED_GENUINE.value: False}


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval (Wilson, JASA 1927)."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Settled cases that are alike in all that is told apart."""

    team: str  # its name; empty where it belongs to none
    version: str
    frames: int
    month: datetime | None
    verdict: str
    fake: bool  # what the reviewers settled on
    bin: int | None  # of the probability
    n: int
    total: float  # of the probabilities


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of a calibration plot: mean probability, share that was manipulated with its interval."""

    predicted: float
    observed: float
    n: int
    share: Share


@dataclass(frozen=True, slots=True)
class Agreement:
    """What settled cases say of the detector. Shares of nothing are None."""

    name: str
    n: int
    agreed: Share | None  # of what it judged real or fake
    precision: Share | None  # of what it called fake
    recall: Share | None  # of what is fake, abstentions counted as missed
    false_alarms: Share | None  # of what is genuine
    abstained: Share | None  # of all: uncertain, or not analysable


@dataclass(frozen=True, slots=True)
class Drift:
    """Recent scores of a checkpoint against those that it was calibrated on."""

    detector: str
    version: str
    frames: int
    index: float  # population stability index: sum of (p - q) ln(p / q) over the bins
    chance: float  # what the index stays below in 95 of 100 such samples if nothing has changed
    recent: int
    calibrated: int

    @property
    def is_warning(self) -> bool:
        """Whether it is large, and larger than chance makes it."""
        return self.index > DRIFTED and self.index > self.chance


def wilson(hits: int, n: int) -> Share | None:
    """A share with its interval; None of nothing."""
    if n == 0:
        return None
    share, z2 = hits / n, _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Share(share, max(0.0, middle - half), min(1.0, middle + half), n)


def cells(cases: ReviewCaseQuerySet) -> list[Cell]:
    """Settled cases whose outcome is genuine or fake, counted by the database: one statement."""
    settled = cases.filter(needs=0, outcome__in=_TRUTH)
    probability = F("scan__fake_probability")
    found = (
        settled.values(
            "team__name",
            "scan__detector_version",
            "scan__frame_count",
            "scan__verdict",
            "outcome",
            month=TruncMonth("scan__finished_at"),
            place=Cast(Floor(probability * BINS), IntegerField()),
        )
        .annotate(n=Count("pk"), total=Sum(probability))
        .order_by()
    )
    return [
        Cell(
            team=row["team__name"] or "",
            version=row["scan__detector_version"],
            frames=row["scan__frame_count"],
            month=row["month"],
            verdict=row["scan__verdict"],
            fake=_TRUTH[row["outcome"]],
            bin=None if row["place"] is None else min(BINS - 1, int(row["place"])),
            n=row["n"],
            total=row["total"] or 0.0,
        )
        for row in found
    ]


def agreement(name: str, found: Iterable[Cell]) -> Agreement:
    """The figures of some cells."""
    told = list(found)

    def count(wanted: Callable[[Cell], bool]) -> int:
        return sum(cell.n for cell in told if wanted(cell))

    judged = count(lambda cell: cell.verdict in (Verdict.FAKE, Verdict.REAL))
    right = count(lambda cell: cell.verdict == (Verdict.FAKE if cell.fake else Verdict.REAL))
    accused = count(lambda cell: cell.verdict == Verdict.FAKE)
    caught = count(lambda cell: cell.verdict == Verdict.FAKE and cell.fake)
    fakes, n = count(lambda cell: cell.fake), count(lambda cell: True)
    return Agreement(
        name=name,
        n=n,
        agreed=wilson(right, judged),
        precision=wilson(caught, accused),
        recall=wilson(caught, fakes),
        false_alarms=wilson(accused - caught, n - fakes),
        abstained=wilson(n - judged, n),
    )


def grouped(found: Sequence[Cell], key: Callable[[Cell], Any], name: Callable[[Any], str]) -> list[Agreement]:
    """The figures of each group, in the order of its keys."""
    groups: dict[Any, list[Cell]] = {}
    for cell in found:
        groups.setdefault(key(cell), []).append(cell)
    return [agreement(name(each), groups[each]) for each in sorted(groups)]


def calibration(found: Sequence[Cell]) -> tuple[Bin, ...]:
    """The filled bins of a reliability diagram."""
    filled = []
    for place in range(BINS):
        here = [cell for cell in found if cell.bin == place]
        n = sum(cell.n for cell in here)
        share = wilson(sum(cell.n for cell in here if cell.fake), n)
        if share is not None:
            filled.append(Bin(sum(cell.total for cell in here) / n, share.value, n, share))
    return tuple(filled)


def drifts(scans: ScanQuerySet) -> list[Drift]:
    """The checkpoints with enough recent scores among these, each against those that it was calibrated on.

    Those stand in the checkpoint as bins; one that carries none, or is installed no longer, is left out.
    Pictures are left out as well: they are calibrated on others.
    """
    recent = scans.filter(
        status=Scan.Status.DONE,
        finished_at__gte=timezone.now() - RECENT,
        fake_probability__isnull=False,
        frame_count__gt=1,
    )
    rows = (
        recent.values("detector_sha256", place=Cast(Floor(F("fake_probability") * BINS), IntegerField()))
        .annotate(n=Count("pk"))
        .order_by()
    )
    counts: dict[str, list[int]] = {}
    for row in rows:
        counts.setdefault(row["detector_sha256"], [0] * BINS)[min(BINS - 1, row["place"])] += row["n"]
    found = [_drift(sha256, scores) for sha256, scores in counts.items() if sum(scores) >= FEWEST]
    return sorted(filter(None, found), key=lambda drift: (drift.detector, drift.frames))


def _drift(sha256: str, scores: Sequence[int]) -> Drift | None:
    installed = head_by_sha256(Path(settings.MODELS_DIR), sha256)
    if installed is None:
        return None
    name, frames, pinned = installed
    try:
        head = read_metadata(pinned.path, HeadMetadata)
    except CheckpointError:
        return None
    before = _calibrated_on(head)
    if not sum(before):
        return None
    index = stability_index(before, scores)
    chance = _CHI2 * (1 / sum(before) + 1 / sum(scores))
    return Drift(name, head.version, frames, index, chance, sum(scores), sum(before))


def _calibrated_on(head: HeadMetadata) -> list[int]:
    """How many clips of calibration had a probability in each bin."""
    counts = [0] * BINS
    clips = head.metrics.get("clips")
    rows = head.metrics.get("reliability") or (clips.get("reliability") if isinstance(clips, dict) else None)
    for row in rows if isinstance(rows, list) else []:
        counts[min(BINS - 1, int(float(row["predicted"]) * BINS))] += int(row["n"])
    return counts


def stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index of two histograms; half a case is added to each bin, so none is empty.

    Under no change it is chi-squared with bins - 1 degrees of freedom, times 1/n + 1/m (Yurdakul, 2018).
    """
    most, others = sum(before) + len(before) / 2, sum(now) + len(now) / 2
    pairs = (((b + 0.5) / most, (a + 0.5) / others) for b, a in zip(before, now, strict=True))
    return sum((a - b) * math.log(a / b) for b, a in pairs)
