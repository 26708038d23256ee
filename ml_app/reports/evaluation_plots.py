"""Where the marks of a measurement's drawings stand; the templates write them as SVG.

Not by a plotting library: drawn by the page's own styles they follow its colours by day and by night, print,
and are read aloud; and the site needs no matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIDE = 220.0  # pixels of a square plot
CURVE_WIDTH, CURVE_HEIGHT = 240.0, 150.0
DASHES = ("6 4", "2 3", "9 3 2 3", "1 4")  # of the families' lines; more lines could not be told apart


@dataclass(frozen=True, slots=True)
class Bar:
    """A value and its interval on a line; places are percentages of its width."""

    value: str
    low: str
    high: str
    chance: str | None


def bar(figure: Mapping[str, Any], chance: float | None, most: float = 1.0) -> Bar | None:
    """Lay out a figure between 0 and `most`. None where it has no value."""
    if figure["value"] is None:
        return None
    low = figure["value"] if figure["low"] is None else figure["low"]
    high = figure["value"] if figure["high"] is None else figure["high"]
    places = [_across(value / most) for value in (figure["value"], low, high)]
    return Bar(places[0], places[1], places[2], None if chance is None else _across(chance / most))


def _across(share: float) -> str:
    return f"{min(max(share, 0.0), 1.0) * 100:.1f}%"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot, and how it is drawn."""

    name: str
    path: str  # SVG path data
    dash: str  # empty for a full line


def roc_plot(curves: Mapping[str, Any]) -> tuple[Line, ...]:
    """The ROC curves of all clips and of the first families; none where a class is missing."""
    found = [Line("All clips", _steps(curves["roc"]), "")] if curves["roc"]["true_positive_rate"] else []
    families = [(name, curve) for name, curve in curves["families"].items() if curve["true_positive_rate"]]
    if len(families) > 1:
        dashed = zip(families, DASHES, strict=False)
        found += [Line(name, _steps(curve), dash) for (name, curve), dash in dashed]
    return tuple(found)


def _steps(curve: Mapping[str, Sequence[float]]) -> str:
    points = zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True)
    return "M" + " L".join(f"{x * SIDE:.1f} {(1 - y) * SIDE:.1f}" for x, y in points)


@dataclass(frozen=True, slots=True)
class ReliabilityDot:
    """A bin: where it stands, how large it is, from where to where its interval reaches; in pixels."""

    x: float
    y: float
    r: float
    low_y: float
    high_y: float
    bin: Mapping[str, Any]


def reliability_plot(bins: Sequence[Mapping[str, Any]]) -> tuple[ReliabilityDot, ...]:
    """Predicted probability to the right, observed share up; a dot's area grows with its number of clips."""
    most = max((row["n"] for row in bins), default=1)
    return tuple(
        ReliabilityDot(
            round(row["predicted"] * SIDE, 1),
            _up(row["observed"]),
            round(2.5 + 5 * (row["n"] / most) ** 0.5, 1),
            _up(row["low"]),
            _up(row["high"]),
            row,
        )
        for row in bins
    )


def _up(share: float, height: float = SIDE) -> float:
    return round((1 - share) * height, 1)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A figure under one condition; places in pixels."""

    x: float
    y: float
    low_y: float
    high_y: float
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure as a condition gets worse."""

    points: tuple[CurvePoint, ...]
    path: str


def curve(named: Sequence[tuple[str, Mapping[str, Any]]]) -> Curve | None:
    """Lay out figures evenly from left to right. None where one has no value."""
    if len(named) < 2 or any(figure["value"] is None for _, figure in named):
        return None
    step = CURVE_WIDTH / len(named)
    points = tuple(
        CurvePoint(
            round((number + 0.5) * step, 1),
            _up(figure["value"], CURVE_HEIGHT),
            _up(figure["low"], CURVE_HEIGHT),
            _up(figure["high"], CURVE_HEIGHT),
            label,
            figure["value"],
        )
        for number, (label, figure) in enumerate(named)
    )
    return Curve(points, "M" + " L".join(f"{point.x} {point.y}" for point in points))
