"""Words and drawings for templates, on the site and in the admin."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.functional import Promise

from ml_app.models import Face, FaceFrame, Opinion, Scan, Team
from ml_app.services import DetectorState
from ml_app.teams.defaults import detector_for
from ml_app.web import charts, provenance_words, wording
from ml_app.web.detector_choice import DetectorForm, ForDetectorForm, offered, weakness
from ml_app.web.detector_details import DetectorDetails, compared
from ml_app.web.detector_figures import Figure, HeadFigures
from ml_app.web.face_boxes import boxes, face_marks
from ml_app.web.forms import FrameCountForm
from ml_app.web.frame_counts import frame_choices
from ml_app.web.sending import SHOWN_BY_BROWSERS
from ml_app.web.side_by_side import Voice, side_by_side

register = template.Library()
register.filter("headline", wording.headline)
register.filter("support", wording.support)
register.filter("overruling", wording.overruling)
register.filter("reason", wording.reason)
register.filter("sayings", wording.sayings)
register.filter("note", wording.note)
register.filter("provenance", lambda scan: provenance_words.told(scan.provenance))
register.filter("percent", wording.percent)
register.filter("per_cent", wording.per_cent)
register.filter("isolated", wording.isolated, is_safe=True)
register.filter("clock", wording.clock)
register.filter("signed", wording.signed)

register.filter("moment", wording.moment)
register.filter("moment_exactly", wording.moment_exactly)
register.filter("moment_briefly", wording.moment_briefly)

SHOWN_THUMBNAILS = 8


@register.filter
def telling(face: Face) -> list[FaceFrame]:
    """A person's frames with a thumbnail, the most telling first: those with a heatmap, then by score."""
    frames = [frame for frame in face.frames.all() if frame.thumbnail]
    return sorted(frames, key=lambda frame: (not frame.heatmap, -frame.fake_probability))


@register.filter
def first_of(frames: list[FaceFrame]) -> list[FaceFrame]:
    """Those that a card shows at once."""
    return frames[:SHOWN_THUMBNAILS]


@register.filter
def rest_of(frames: list[FaceFrame]) -> list[FaceFrame]:
    """Those that a card shows on demand."""
    return frames[SHOWN_THUMBNAILS:]


@register.filter
def side(probability: float, scan: Scan) -> str:
    """On which side of the threshold or band: "above", "band" or "below"."""
    return charts.side_of(scan, probability)


@register.filter
def timings(scan: Scan) -> list[tuple[Promise | str, float]]:
    """The scan's seconds by stage, with the stages' names."""
    told = {key: value for key, value in scan.seconds.items() if key != "opinions" or scan.also}
    return [(words, told[key]) for key, words in wording.SECONDS.items() if key in told]


@register.inclusion_tag("ml_app/scan/_screen.html")
def screen(scan: Scan, faces: list[Face]) -> dict[str, Any]:
    """The video, with the faces' boxes drawn over it as it plays; or the picture with its faces' boxes."""
    turned = any(note.startswith("turned:") for note in scan.notes)  # a player does not turn it
    shown = scan.video.file and not scan.video.is_animation and not turned
    if scan.video.is_picture:
        marks = face_marks(scan, faces) if scan.video.container in SHOWN_BY_BROWSERS and not turned else None
        return {"scan": scan, "faces": faces, "marks": marks}
    return {"scan": scan, "faces": faces, "boxes": boxes(scan, faces) if shown else None}


@register.inclusion_tag("ml_app/scan/_timeline.html")
def timeline(scan: Scan, faces: list[Face]) -> dict[str, Any]:
    """The scores of every person over time."""
    return {"scan": scan, "timeline": charts.timeline(scan, faces, _opinions(scan))}


@register.inclusion_tag("ml_app/scan/_scale.html")
def scale(scan: Scan, probability: float) -> dict[str, Any]:
    """A probability between 0 and 100 %."""
    return {"scan": scan, "probability": probability, "scale": charts.scale(scan, probability)}


@register.inclusion_tag("ml_app/scan/_opinions.html")
def opinions(scan: Scan, faces: list[Face]) -> dict[str, Any]:
    """What further detectors say of the same people."""
    return {"scan": scan, "compared": side_by_side(scan, faces, _opinions(scan))}


def _opinions(scan: Scan) -> list[Opinion]:
    return list(scan.opinions.all()) if scan.also else []  # most scans have none: no query


@register.inclusion_tag("ml_app/scan/_mark.html")
def mark(subject: Scan | Face | Voice) -> dict[str, Any]:
    """The sign of a verdict; its shape says the same as its colour."""
    return {"verdict": subject.verdict}


@register.inclusion_tag("ml_app/_slider.html")
def frame_slider(form: FrameCountForm, detector: DetectorState) -> dict[str, Any]:
    """The frame counts, each with what it means."""
    choices = frame_choices(detector=detector.name)
    return {"form": form, "choices": list(zip(form["frame_count"], choices, strict=True))}


@register.inclusion_tag("ml_app/_detector_choice.html")
def detector_choice(form: ForDetectorForm) -> dict[str, Any]:
    """The installed detectors to choose from, where there are several."""
    return {"form": form}


@register.inclusion_tag("ml_app/_detector_choice.html")
def detector_choice_again(team: Team | None, chosen: str = "") -> dict[str, Any]:
    """The same for another scan; the one that was asked for is chosen, or the one that the team uses."""
    name = chosen if chosen in offered() else detector_for(team)
    return {"form": DetectorForm(initial={"detector": name}), "again": True}


@register.inclusion_tag("ml_app/_compared.html")
def detectors_compared(detectors: tuple[DetectorDetails, ...]) -> dict[str, Any]:
    """One table of all detectors' figures, where several were measured."""
    return {"detectors": detectors, "rows": compared(detectors)}


@register.simple_tag
def worth(scan: Scan) -> str:
    """The area under the ROC curve of a weak detector, in figures; empty for others."""
    auc = weakness(scan)
    return "" if auc is None else wording.rounded(auc, 2)


@register.inclusion_tag("ml_app/_calibration.html")
def calibration_plot(head: HeadFigures) -> dict[str, Any]:
    """What probabilities a checkpoint gave, against what was true."""
    return {"head": head, "dots": charts.calibration_dots(head.bins)}


@register.inclusion_tag("ml_app/_interval.html")
def interval(figure: Figure) -> dict[str, Any]:
    """A measured figure between 0 and 1, as a dot on a line."""
    return {"interval": charts.interval(figure)}


@register.simple_tag
def measured(figure: Figure, value: float) -> str:
    """One of a figure's numbers, in its unit."""
    return wording.measured(value, is_share=figure.is_share, is_count=figure.is_count)


@register.inclusion_tag("ml_app/scan/_persons.html")
def persons(scan: Scan, faces: list[Face]) -> dict[str, Any]:
    """A card for every person."""
    return {"scan": scan, "faces": faces}
