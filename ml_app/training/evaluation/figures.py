"""Figures of binary decisions by scikit-learn, each with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.metrics import (
    accuracy_score,
    auc,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix_at_thresholds,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Figure = dict[str, Any]  # value, low, high (95 % bootstrap interval), n
NAN = float("nan")


class Bootstrap:
    """Resamples with replacement, as how often each item is drawn. The same seed gives the same intervals.

    Not `scipy.stats.bootstrap`, which draws anew for each figure: here one set serves all of them, and
    both sides of a comparison.
    """

    def __init__(self, resamples: int = 1000, seed: int = 0) -> None:
        self.resamples, self.seed = resamples, seed

    def draws(self, count: int) -> npt.NDArray[np.int64]:
        """int64 (resamples, count): how often each of `count` items is drawn."""
        rng = np.random.default_rng(self.seed)
        return rng.multinomial(count, np.full(count, 1 / count), size=self.resamples)

    def share(self, flags: Sequence[bool] | Flags) -> Figure:
        """A share with its interval."""
        values = np.asarray(flags, dtype=np.float64)
        if not len(values):
            return figure(NAN, [], 0)
        return figure(float(values.mean()), self.draws(len(values)) @ values / len(values), len(values))


def figure(value: float, drawn: Sequence[float] | Floats, n: int) -> Figure:
    """A figure with the middle 95 % of its resampled values; None where something is undefined."""
    defined = np.asarray(drawn, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    low, high = np.percentile(defined, [2.5, 97.5]) if len(defined) else (NAN, NAN)
    return {"value": _tidy(value), "low": _tidy(low), "high": _tidy(high), "n": n}


def _tidy(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def figures(labels: Flags, scores: Floats, threshold: float, bootstrap: Bootstrap) -> dict[str, Figure]:
    """All figures of a set of scored clips.

    Values come from scikit-learn's functions of those names. So that thousands of resamples are affordable,
    their values are read off scikit-learn's confusion counts, one call for each resample.

    Args:
        labels: (n,), true for manipulated.
        scores: (n,), calibrated probabilities.
        threshold: From which a clip counts as called manipulated.
        bootstrap: Over clips.

    Returns:
        By name. Figures that need both classes are None where one is missing.
    """
    n = len(labels)
    values = point_values(labels, scores, threshold)
    draws = bootstrap.draws(n) if n else ()
    with config_context(assume_finite=True, skip_parameter_validation=True):  # or it takes twice as long
        drawn = [resampled_values(labels, scores, threshold, weights) for weights in draws]
    return {name: figure(value, [draw[name] for draw in drawn], n) for name, value in values.items()}


def point_values(labels: Flags, scores: Floats, threshold: float) -> dict[str, float]:
    """The figures themselves, not a number where undefined."""
    has_fake, has_real = bool(labels.any()), bool((~labels).any())
    both = has_fake and has_real
    called = scores >= threshold
    fpr, tpr = roc(labels, scores) if both else (np.zeros(0), np.zeros(0))
    return {
        "auc": float(roc_auc_score(labels, scores)) if both else NAN,
        "average_precision": float(average_precision_score(labels, scores)) if both else NAN,
        "accuracy": float(accuracy_score(labels, called)) if len(labels) else NAN,
        "balanced_accuracy": float(balanced_accuracy_score(labels, called)) if both else NAN,
        "precision": float(precision_score(labels, called)) if called.any() else NAN,
        "recall": float(recall_score(labels, called)) if has_fake else NAN,
        "f1": float(f1_score(labels, called)) if has_fake or called.any() else NAN,
        "false_positive_rate": float(1 - recall_score(~labels, ~called)) if has_real else NAN,
        "equal_error_rate": equal_error_rate(fpr, tpr),
        "tpr_at_fpr_1": tpr_at_fpr(fpr, tpr, 0.01),
        "tpr_at_fpr_5": tpr_at_fpr(fpr, tpr, 0.05),
    }


def roc(labels: Flags, scores: Floats) -> tuple[Floats, Floats]:
    """Every point of the ROC curve: false and true positive rates, both rising from 0 to 1."""
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    return fpr, tpr


def equal_error_rate(fpr: Floats, tpr: Floats) -> float:
    """Where the ROC curve has as many false alarms as misses, interpolated between its points."""
    if not len(fpr):
        return NAN
    surplus = fpr - (1 - tpr)
    after = int(np.argmax(surplus >= 0))
    if after == 0 or surplus[after] == 0:
        return float(fpr[after])
    before = after - 1
    share = -surplus[before] / (surplus[after] - surplus[before])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))


def tpr_at_fpr(fpr: Floats, tpr: Floats, most: float) -> float:
    """The largest true positive rate of a threshold with so many false positives at most; nothing between."""
    return float(tpr[fpr <= most].max()) if len(fpr) else NAN


def resampled_values(
    labels: Flags, scores: Floats, threshold: float, weights: npt.NDArray[np.int64]
) -> dict[str, float]:
    """`point_values` of a resample, given how often each clip was drawn."""
    kept = weights > 0
    labels, scores, weights = labels[kept], scores[kept], weights[kept]
    _, fp, _, tp, levels = confusion_matrix_at_thresholds(labels, scores, sample_weight=weights)
    fakes, genuine = float(weights[labels].sum()), float(weights[~labels].sum())
    at = int((levels >= threshold).sum()) - 1  # levels fall
    hits, alarms = (float(tp[at]), float(fp[at])) if at >= 0 else (0.0, 0.0)
    recall, false_alarms = _ratio(hits, fakes), _ratio(alarms, genuine)
    both = fakes > 0 and genuine > 0
    fpr = np.r_[0.0, fp / genuine] if both else np.zeros(0)
    tpr = np.r_[0.0, tp / fakes] if both else np.zeros(0)
    # At each level, precision times what was gained in recall.
    precision = tp / (tp + fp)
    return {
        "auc": float(auc(fpr, tpr)) if both else NAN,
        "average_precision": float(np.sum(np.diff(tpr) * precision)) if both else NAN,
        "accuracy": _ratio(hits + genuine - alarms, fakes + genuine),
        "balanced_accuracy": (recall + 1 - false_alarms) / 2,
        "precision": _ratio(hits, hits + alarms),
        "recall": recall,
        "f1": _ratio(2 * hits, fakes + hits + alarms),
        "false_positive_rate": false_alarms,
        "equal_error_rate": equal_error_rate(fpr, tpr),
        "tpr_at_fpr_1": tpr_at_fpr(fpr, tpr, 0.01),
        "tpr_at_fpr_5": tpr_at_fpr(fpr, tpr, 0.05),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def auc_change(labels: Flags, before: Floats, after: Floats, bootstrap: Bootstrap) -> Figure:
    """By how much the AUC changes when the same clips get other scores; each resample holds for both."""
    n = len(labels)
    if len(set(labels.tolist())) < 2:
        return figure(NAN, [], n)

    def area(scores: Floats, weights: npt.NDArray[np.int64]) -> float:
        return resampled_values(labels, scores, 0.5, weights)["auc"]

    drawn = [area(after, weights) - area(before, weights) for weights in bootstrap.draws(n)]
    value = float(roc_auc_score(labels, after) - roc_auc_score(labels, before))
    return figure(value, drawn, n)
