"""What each number of frames means: how good the checkpoint for it is, and how long a scan takes here."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from ml_app.models import Scan, Video
from ml_app.services.detectors import installed_files
from ml_app.web.detector_figures import HeadFigures, detector_figures
from ml_app.web.wording import rounded

KEPT_SECONDS = 15
RECENT = 200  # finished scans, all frame counts together


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """One stop of the frame slider."""

    frame_count: int
    accuracy: str  # in words
    time: str  # in words

    @property
    def words(self) -> str:
        """Both."""
        return f"{self.accuracy} {self.time}"


def frame_choices(*, detector: str) -> tuple[FrameChoice, ...]:
    """The offered frame counts, ascending. The figures come from the checkpoints.

    Kept for some seconds: many who ask for the first page at once must not each read all recent scans.
    """
    key = f"choices:{detector}:{installed_files()}:{get_language()}"
    return cache.get_or_set(key, lambda: _frame_choices(detector), KEPT_SECONDS)  # type: ignore[return-value]


def _frame_choices(detector: str) -> tuple[FrameChoice, ...]:
    """One query."""
    heads = {head.frame_count: head for head in detector_figures(name=detector)}
    seconds = measured_seconds(detector=detector)
    return tuple(
        FrameChoice(count, accuracy_words(count, heads), time_words(count, seconds))
        for count in settings.FRAME_COUNTS
    )


def measured_seconds(*, detector: str) -> dict[int, list[float]]:
    """How long the recent scans of videos of this installation took, by frame count."""
    rows = (
        Scan.objects.of_people()
        .filter(status=Scan.Status.DONE, detector_name=detector, video__kind=Video.Kind.VIDEO)
        .order_by("-created_at")
    )
    found: dict[int, list[float]] = {}
    for count, seconds in rows.values_list("frame_count", "seconds")[:RECENT]:
        total: Any = seconds.get("total")
        if isinstance(total, int | float):
            found.setdefault(count, []).append(float(total))
    return found


def accuracy_words(count: int, heads: dict[int, HeadFigures]) -> str:
    """What was measured on test clips for the checkpoint that would be used."""
    if not heads:
        return _("Accuracy: not measured yet.")
    nearest = min(heads, key=lambda made_for: (abs(made_for - count), -made_for))  # as the detector chooses
    words = _measured(heads[nearest])
    if nearest != count:
        words += " " + ngettext(
            "This is the checkpoint for %(count)d frame, the nearest there is.",
            "This is the checkpoint for %(count)d frames, the nearest there is.",
            nearest,
        ) % {"count": nearest}
    return words


def _measured(head: HeadFigures) -> str:
    caught, alarms, unsure, auc = head.caught, head.false_alarms, head.uncertain, head.auc
    if caught and alarms:
        words = _(
            "On test clips it found %(caught)s of 100 manipulated videos and wrongly flagged %(alarms)s of "
            "100 genuine ones."
        ) % {"caught": round(caught.value * 100), "alarms": round(alarms.value * 100)}
        if unsure:
            words += " " + _("It left %(count)s of 100 uncertain.") % {"count": round(unsure.value * 100)}
        return words
    if auc:
        return _("On test clips its area under the ROC curve is %(auc)s (0.5 is guessing, 1 perfect).") % {
            "auc": rounded(auc.value, 2)
        }
    return _("Accuracy: not measured yet.")


def time_words(count: int, measured: dict[int, list[float]]) -> str:
    """How long to wait, from what scans of this machine took.

    Args:
        measured: Seconds of scans by frame count. Where there is none for `count`, the others are scaled:
            the cost grows with the number of frames.
    """
    seconds = measured.get(count, [])
    if seconds:
        return ngettext(
            "On this machine about %(seconds)s s a video (%(number)d scan).",
            "On this machine about %(seconds)s s a video (median of %(number)d scans).",
            len(seconds),
        ) % {"seconds": _shown(median(seconds)), "number": len(seconds)}
    scaled = [total * count / other for other, totals in measured.items() for total in totals]
    if scaled:
        return _("On this machine about %(seconds)s s a video, reckoned from scans with other numbers.") % {
            "seconds": _shown(median(scaled))
        }
    return _("Time on this machine: not measured yet.")


def _shown(seconds: float) -> str:
    return rounded(seconds, 0 if seconds >= 10 else 1)
