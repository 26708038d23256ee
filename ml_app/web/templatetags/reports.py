"""Words and drawings of reports on paper. Drawings are SVG pictures with a text that says the same."""

from __future__ import annotations

import base64
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ml_app.models import Face, ItemState, Review, Scan, Verdict
from ml_app.web import charts, wording
from ml_app.web.detector_figures import CAUGHT, FALSE_ALARMS, GROUPS, PICTURES, Figure, detector_figures
from ml_app.web.wording import Words

register = template.Library()
WIDTH, LANE_HEIGHT = 680.0, 72.0  # of a drawing, in its own units
ERRORS = ("auc", *CAUGHT, *FALSE_ALARMS, "fakes_called_real", "uncertain", "not_analysable")
_STEPS: dict[str, Words] = {
    "fetched": _("The file was fetched from its link"),
    "received": _("The file was received"),
    "ordered": _("The scan was ordered"),
    "started": _("A worker began (its last attempt)"),
    "finished": _("The findings were recorded"),
    "reviewed": _("A reviewer decided"),
    "reported": _("This report was made and signed"),
}
_DECISIONS: dict[str, Promise | str] = dict(Review.Decision.choices)
_STATES: dict[str, Promise | str] = dict(ItemState.choices)
_VERDICTS: dict[str, Promise | str] = dict(Verdict.choices)


@register.filter
def step(code: str) -> Words:
    """What happened, in words."""
    return _STEPS.get(code, code)


@register.filter
def decision(code: str) -> Promise | str:
    """What a reviewer decided."""
    return _DECISIONS.get(code, code)


@register.filter
def verdict(code: str) -> Promise | str:
    """A verdict's short name."""
    return _VERDICTS.get(code, code)


@register.filter
def state(code: str) -> Promise | str:
    """What became of a file of a batch."""
    return _STATES.get(code, code)


@register.filter
def instant(text: str | None) -> str:
    """A moment of the JSON, in ISO 8601, for people: to the second and with its zone."""
    found = parse_datetime(text) if text else None
    return wording.moment_exactly(found) if found else "\u2013"


@register.filter
def said(text: str) -> str:
    """A sentence of the signed JSON, which is English, in the reader's language."""
    return gettext(text)


@register.filter
def breakable(digits: str) -> SafeString:
    """A hash that a line may break after every eighth digit of."""
    parts = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    return format_html("<wbr>".join(["{}"] * len(parts)), *parts)


@register.simple_tag
def figures_for(scan: Scan) -> tuple[Figure, ...]:
    """The measured figures of the checkpoint for this kind of input; none where it is no longer installed."""
    heads = [
        head for head in detector_figures(name=scan.detector_name) if head.sha256 == scan.detector_sha256
    ]
    if not heads:
        return ()
    if scan.video.is_picture:
        group = str(GROUPS[PICTURES])
        found = [figure for figure in heads[0].figures if str(figure.group) == group]
    else:
        found = [figure for figure in heads[0].figures if figure.is_overall]
    return tuple(figure for figure in found if figure.key in ERRORS)


@register.simple_tag
def scale_picture(scan: Scan) -> SafeString:
    """The probability of a scan between 0 and 100 %, with threshold and band."""
    if scan.fake_probability is None:
        return SafeString("")
    place = charts.scale(scan, scan.fake_probability)
    words = gettext("Probability of manipulation %(value)s; the threshold is %(threshold)s") % {
        "value": wording.percent(scan.fake_probability),
        "threshold": wording.percent(0.5 if scan.threshold is None else scan.threshold),
    }
    marks: dict[str, Any] = {
        "scan": scan,
        "value": _units(place.value_x),
        "value_anchor": place.value_anchor,
        "threshold": _units(place.threshold_x) if place.threshold_x else None,
        "threshold_anchor": place.threshold_anchor,
        "band": _units(place.band_x) if place.band_x else None,
        "band_width": _units(place.band_width),
        "side": place.side,
    }
    return _picture("ml_app/report/_scale.svg", marks, words, "scale")


@register.simple_tag
def lane_pictures(scan: Scan, faces: list[Face]) -> list[tuple[Face, SafeString]]:
    """The scores of every person over time, a drawing for each; none for a picture."""
    found = None if scan.video.is_picture else charts.timeline(scan, faces)
    if found is None:
        return []
    ticks = [(_units(tick.x), tick.label) for tick in found.ticks]
    shrink = LANE_HEIGHT / found.height
    level = {
        "ticks": ticks,
        "threshold": None if found.threshold_y is None else found.threshold_y * shrink,
        "band": None if found.band_y is None else found.band_y * shrink,
        "band_height": found.band_height * shrink,
        "top": found.top_y * shrink,
        "bottom": found.bottom_y * shrink,
    }
    return [(lane.face, _lane(lane, level, shrink)) for lane in found.lanes]


def _lane(lane: charts.Lane, level: dict[str, Any], shrink: float) -> SafeString:
    scores = [point.frame.fake_probability for point in lane.points]
    words = ngettext(
        "Scores over time: %(count)d frame, from %(low)s to %(high)s",
        "Scores over time: %(count)d frames, from %(low)s to %(high)s",
        len(scores),
    ) % {"count": len(scores), "low": wording.percent(min(scores)), "high": wording.percent(max(scores))}
    radius = 2.2 if lane.is_dense else 3.4
    marks = {
        "points": [(_units(point.x), point.y * shrink, point.side) for point in lane.points],
        "segments": [
            (_units(part.x1), part.y1 * shrink, _units(part.x2), part.y2 * shrink) for part in lane.segments
        ],
        "radius": radius,
        "side": 2 * radius,
    }
    return _picture("ml_app/report/_lane.svg", level | marks, words, "lane")


def _picture(name: str, context: dict[str, Any], words: str, kind: str) -> SafeString:
    drawn = base64.b64encode(render_to_string(name, context).encode()).decode()
    return format_html('<img class="{}" alt="{}" src="data:image/svg+xml;base64,{}">', kind, words, drawn)


def _units(share: str) -> float:
    """A place in per cent of the width, in the drawing's units."""
    return round(float(share.rstrip("%")) * WIDTH / 100, 1)
