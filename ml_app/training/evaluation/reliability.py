"""Are the probabilities right? Reliability bins, expected calibration error, Brier score."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from ml_app.training.evaluation.figures import NAN, Bootstrap, Figure, Flags, Floats, figure

BINS = 10  # of equal width


def reliability_bins(labels: Flags, probabilities: Floats) -> list[dict[str, Any]]:
    """The filled bins of a reliability diagram, in order.

    Args:
        labels: (n,), true for manipulated.
        probabilities: (n,), 0..1.

    Returns:
        For each: `predicted` (mean probability), `observed` (share that was manipulated), `n`.
    """
    if not len(labels):
        return []
    observed, predicted = calibration_curve(labels, probabilities, n_bins=BINS)
    counts = np.bincount(_places(probabilities), minlength=BINS)
    return [
        {"predicted": round(float(p), 4), "observed": round(float(o), 4), "n": int(n)}
        for p, o, n in zip(predicted, observed, counts[counts > 0], strict=True)
    ]


def _places(probabilities: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    # As calibration_curve does it: an inner edge belongs to the bin below.
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probabilities)


def with_wilson(bins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bins, each with the 95 % interval (Wilson, 1927) of the share that was manipulated."""
    return [row | dict(zip(("low", "high"), wilson(row["observed"], row["n"]), strict=True)) for row in bins]


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share; unlike the bootstrap's it keeps its width at 0 and at 1."""
    found = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return round(float(found.low), 4), round(float(found.high), 4)


def wilson_share(flags: Flags) -> Figure:
    """A share with its Wilson interval."""
    if not len(flags):
        return figure(NAN, [], 0)
    share = float(flags.mean())
    low, high = wilson(share, len(flags))
    return {"value": round(share, 4), "low": low, "high": high, "n": len(flags)}


def calibration(labels: Flags, probabilities: Floats, bootstrap: Bootstrap) -> dict[str, Any]:
    """Expected calibration error (Naeini et al., AAAI 2015), Brier score and the bins they stand on.

    Resampling adds noise to every bin, so most resamples have a larger error than the clips themselves: the
    interval tells how large the error may well be, not that it is above the value.
    """
    n = len(labels)
    drawn = [
        (_error(labels, probabilities, weights), _brier(labels, probabilities, weights))
        for weights in (bootstrap.draws(n) if n else ())
    ]
    ones = np.ones(n, dtype=np.int64)
    return {
        "expected_calibration_error": figure(_error(labels, probabilities, ones), [e for e, _ in drawn], n),
        "brier_score": figure(_brier(labels, probabilities, ones), [b for _, b in drawn], n),
        "bins": with_wilson(reliability_bins(labels, probabilities)),
    }


def _error(labels: Flags, probabilities: Floats, weights: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    if not len(labels):
        return NAN
    surplus = np.bincount(_places(probabilities), weights * (labels - probabilities), minlength=BINS)
    return float(np.abs(surplus).sum() / weights.sum())


def _brier(labels: Flags, probabilities: Floats, weights: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    if not len(labels):
        return NAN
    return float(brier_score_loss(labels, probabilities, sample_weight=weights, labels=[False, True]))
