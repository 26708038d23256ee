"""Figures with intervals: AUC overall and by family, pair accuracy, error rates at a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

RESAMPLES = 1000
MAX_FALSE_ALARMS = 0.05  # share of genuine clips at or above a threshold
Figure = dict[str, Any]  # value, low, high (95 % bootstrap interval), n


@dataclass(frozen=True, slots=True)
class Scored:
    """A clip or picture and its score; a higher score means fake."""

    name: str
    fake: bool
    score: float
    family: str = ""
    generator: str = ""
    pair: str = ""


def auc(items: Sequence[Scored]) -> float:
    """Area under the ROC curve; not a number where one class is missing."""
    labels = [item.fake for item in items]
    if len(set(labels)) < 2:
        return float("nan")
    return float(roc_auc_score(labels, [item.score for item in items]))


def pair_accuracy(items: Sequence[Scored]) -> float:
    """Share of fakes that score above their genuine twin; ties count half."""
    wins = _wins(items)
    return float(np.mean(list(wins.values()))) if wins else float("nan")


def _wins(items: Sequence[Scored]) -> dict[str, float]:
    """By fake with a twin: 1 where it scores above the mean of its genuine twins, 0.5 where equal."""
    genuine: dict[str, list[float]] = {}
    for item in items:
        if item.pair and not item.fake:
            genuine.setdefault(item.pair, []).append(item.score)
    wins = {}
    for item in items:
        if item.pair and item.fake and item.pair in genuine:
            other = float(np.mean(genuine[item.pair]))
            wins[item.name] = 1.0 if item.score > other else 0.5 if item.score == other else 0.0
    return wins


def too_low_a_threshold(genuine: Sequence[float]) -> float:
    """The highest score that more than one genuine clip in twenty reaches: a threshold lies beyond it."""
    return sorted(genuine, reverse=True)[math.floor(MAX_FALSE_ALARMS * len(genuine))]


def share(found: Iterable[bool]) -> float:
    """Share of what is true; not a number of nothing."""
    values = list(found)
    return float(np.mean(values)) if values else float("nan")


def with_interval(
    items: Sequence[Scored], figure: Callable[[Sequence[Scored]], float], seed: int = 0
) -> Figure:
    """A figure with its 95 % bootstrap interval over clips.

    Returns:
        `value`, `low`, `high`, rounded to three digits (None where undefined), and `n`, how many items.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        sample = [items[i] for i in rng.integers(len(items), size=len(items))] if items else []
        drawn.append(figure(sample))
    values: npt.NDArray[np.float64] = np.array([value for value in drawn if not np.isnan(value)])
    low, high = np.percentile(values, [2.5, 97.5]) if len(values) else (float("nan"), float("nan"))
    return {"value": _tidy(figure(items)), "low": _tidy(low), "high": _tidy(high), "n": len(items)}


def by_family(items: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Each family of fakes, together with all genuine items."""
    genuine = [item for item in items if not item.fake]
    families = sorted({item.family for item in items if item.fake})
    return {name: [i for i in items if i.fake and i.family == name] + genuine for name in families}


def pairs_only(items: Sequence[Scored]) -> list[list[Scored]]:
    """Items that belong to complete pairs, by pair."""
    groups: dict[str, list[Scored]] = {}
    for item in items:
        if item.pair:
            groups.setdefault(item.pair, []).append(item)
    return [g for g in groups.values() if {i.fake for i in g} == {True, False}]


def pair_figure(items: Sequence[Scored], seed: int = 0, resamples: int | None = None) -> Figure:
    """Pair accuracy with its 95 % bootstrap interval over pairs; `n` is the number of pairs."""
    rng = np.random.default_rng(seed)
    wins = [win for group in pairs_only(items) for win in [np.mean(list(_wins(group).values()))]]
    if not wins:
        return {"value": None, "low": None, "high": None, "n": 0}
    drawn = [np.mean(rng.choice(wins, len(wins))) for _ in range(resamples or RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"value": _tidy(np.mean(wins)), "low": _tidy(low), "high": _tidy(high), "n": len(wins)}


def _tidy(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
