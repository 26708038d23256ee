"""Where the marks of a drawing stand. The templates write them as SVG with percentages and pixels.

Horizontal places are percentages of the drawing's width, so that text keeps its size on any screen; vertical
ones are pixels. A plotting library would draw pictures, in which no text wraps and no mark is a link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ml_app.models import Face, FaceFrame, Opinion, Scan
from ml_app.web.detector_figures import Bin, Figure
from ml_app.web.wording import clock

PLOT_HEIGHT = 150.0  # pixels from 0 % to 100 %
PLOT_TOP = 10.0  # pixels above, so that a mark at 100 % is not cut
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds from tick to tick
_MAX_TICKS = 6
_DENSE = 50  # points
_LABEL_HEIGHT = 14.0  # pixels; labels nearer to each other would touch
_LONG_GAP = 8  # times the mean distance of the sampled frames; the line is not drawn across


def across(share: float) -> str:
    """0..1 of the width, for an SVG attribute."""
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}%"


def down(probability: float) -> float:
    """The pixel row of a probability: high is up."""
    return round(PLOT_TOP + (1.0 - probability) * PLOT_HEIGHT, 1)


@dataclass(frozen=True, slots=True)
class Point:
    """One frame of a person in the timeline."""

    frame: FaceFrame
    x: str
    y: float
    side: str  # "above", "band" or "below": the shape of its mark
    is_top: bool  # the highest of its person


@dataclass(frozen=True, slots=True)
class Segment:
    """A line from one point to the next."""

    x1: str
    y1: float
    x2: str
    y2: float


@dataclass(frozen=True, slots=True)
class OtherLine:
    """The scores of the same person by another detector, without marks."""

    number: int  # of the opinion: 1, 2, ...
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """The scores of one person over time."""

    face: Face
    points: tuple[Point, ...]
    segments: tuple[Segment, ...]
    others: tuple[OtherLine, ...] = ()

    @property
    def is_dense(self) -> bool:
        """Whether smaller marks are needed, or they would hide each other."""
        return len(self.points) > _DENSE


@dataclass(frozen=True, slots=True)
class Tick:
    """A time under the timeline."""

    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All persons over the length of the video, and where the threshold and the uncertain band lie."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    threshold_y: float | None
    band_y: float | None
    band_height: float
    duration_s: float
    others: tuple[tuple[int, str], ...] = ()  # opinions by number, and whose they are
    top_y: float = PLOT_TOP
    bottom_y: float = PLOT_TOP + PLOT_HEIGHT
    height: float = PLOT_HEIGHT + 2 * PLOT_TOP

    @property
    def has_threshold_label(self) -> bool:
        """Whether there is room for one between those of 0 % and 100 %."""
        y = self.threshold_y
        return y is not None and self.top_y + _LABEL_HEIGHT <= y <= self.bottom_y - _LABEL_HEIGHT


def timeline(scan: Scan, faces: Sequence[Face], opinions: Sequence[Opinion] = ()) -> Timeline | None:
    """Lay out a finished scan of a video. None if nobody was seen.

    Args:
        faces: The scan's, each with its frames prefetched in order of time.
    """
    last = max((frame.time_s for face in faces for frame in face.frames.all()), default=None)
    if last is None:
        return None
    duration = max(scan.video.duration_s or 0.0, last, 0.1)
    low, high = scan.uncertain_low, scan.uncertain_high
    has_band = low is not None and high is not None
    longest = _LONG_GAP * duration / max(scan.frames_analysed or 1, 1)
    return Timeline(
        lanes=tuple(
            replace(
                _lane(scan, face, duration, longest),
                others=tuple(_other(opinion, face, duration) for opinion in opinions),
            )
            for face in faces
        ),
        others=tuple((opinion.number, opinion.detector_name) for opinion in opinions),
        ticks=tuple(_ticks(duration)),
        threshold_y=None if scan.threshold is None else down(scan.threshold),
        band_y=down(high) if has_band and high is not None else None,
        band_height=round((high - low) * PLOT_HEIGHT, 1) if high is not None and low is not None else 0.0,
        duration_s=duration,
    )


def _lane(scan: Scan, face: Face, duration: float, longest_gap: float) -> Lane:
    frames = list(face.frames.all())
    top = max(frames, key=lambda frame: frame.fake_probability, default=None)
    points = tuple(
        Point(
            frame=frame,
            x=across(frame.time_s / duration),
            y=down(frame.fake_probability),
            side=side_of(scan, frame.fake_probability),
            is_top=frame is top,
        )
        for frame in frames
    )
    segments = tuple(
        Segment(a.x, a.y, b.x, b.y)
        for a, b in pairwise(points)
        if b.frame.time_s - a.frame.time_s <= longest_gap
    )
    return Lane(face, points, segments)


def _other(opinion: Opinion, face: Face, duration: float) -> OtherLine:
    frames: list[dict[str, Any]] = next(
        (told["frames"] for told in opinion.faces if told["id"] == face.number), []
    )
    places = [
        (frame["time_s"], across(frame["time_s"] / duration), down(frame["fake_probability"]))
        for frame in frames
    ]
    longest = _LONG_GAP * duration / max(opinion.frames_analysed, 1)
    return OtherLine(
        opinion.number,
        tuple(Segment(a[1], a[2], b[1], b[2]) for a, b in pairwise(places) if b[0] - a[0] <= longest),
    )


def side_of(scan: Scan, probability: float) -> str:
    """On which side of the scan's uncertain band, or threshold, a probability lies."""
    threshold = 0.5 if scan.threshold is None else scan.threshold
    low = threshold if scan.uncertain_low is None else scan.uncertain_low
    high = threshold if scan.uncertain_high is None else scan.uncertain_high
    if low <= probability < high:
        return "band"
    return "above" if probability >= threshold else "below"


def _ticks(duration: float) -> Iterable[Tick]:
    step = next((step for step in _STEPS if duration / step <= _MAX_TICKS), duration / _MAX_TICKS)
    count = int(duration / step + 1e-6)
    for number in range(count + 1):
        label = clock(number * step)
        yield Tick(across(number * step / duration), label if step < 1 else label[:-2])


@dataclass(frozen=True, slots=True)
class Scale:
    """One probability between 0 and 100 %, with the threshold and the uncertain band."""

    value_x: str
    value_anchor: str  # SVG text-anchor that keeps the label inside
    threshold_x: str | None
    threshold_anchor: str
    band_x: str | None
    band_width: str
    side: str


def scale(scan: Scan, probability: float) -> Scale:
    """Lay out a probability of a scan."""
    low, high, threshold = scan.uncertain_low, scan.uncertain_high, scan.threshold
    has_band = low is not None and high is not None
    return Scale(
        value_x=across(probability),
        value_anchor=_anchor(probability),
        threshold_x=None if threshold is None else across(threshold),
        threshold_anchor=_anchor(threshold or 0.5),
        band_x=across(low) if has_band and low is not None else None,
        band_width=across(high - low) if high is not None and low is not None else "0%",
        side=side_of(scan, probability),
    )


def _anchor(share: float) -> str:
    if share < 0.12:
        return "start"
    return "end" if share > 0.88 else "middle"


INTERVAL_WIDTH = 96.0  # pixels from 0 to 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured figure between 0 and 1, its 95 % interval, and what guessing would give, in pixels."""

    value: float
    low: float | None
    high: float | None
    chance: float | None


def interval(figure: Figure) -> Interval | None:
    """Lay out a figure; None for one that is no number between 0 and 1, such as a count."""
    if not 0.0 <= figure.value <= 1.0 or figure.is_count:
        return None
    places = (figure.value, figure.low, figure.high, figure.chance)
    value, low, high, chance = (None if x is None else round(x * INTERVAL_WIDTH, 1) for x in places)
    return Interval(value or 0.0, low, high, chance)


PLOT_SIDE = 220.0  # pixels of a calibration plot


@dataclass(frozen=True, slots=True)
class Dot:
    """One bin of a calibration plot. Its area grows with the number of clips."""

    x: float
    y: float
    r: float
    predicted: float
    observed: float
    n: int


def calibration_dots(bins: Sequence[Bin]) -> tuple[Dot, ...]:
    """Lay out a calibration plot: predicted probability to the right, observed share up, in pixels."""
    most = max((row.n for row in bins), default=1)
    return tuple(
        Dot(
            x=round(row.predicted * PLOT_SIDE, 1),
            y=round((1.0 - row.observed) * PLOT_SIDE, 1),
            r=round(3.0 + 6.0 * (row.n / most) ** 0.5, 1),
            predicted=row.predicted,
            observed=row.observed,
            n=row.n,
        )
        for row in bins
    )
