"""What a threshold is worth on sources that it was not fitted on.

Sources (the pages or repositories that clips come from) are dealt in halves again and again: on one half the
threshold is set so that at most one genuine clip in twenty reaches it, on the other half it is counted. The
figures at the detector's own threshold, which was fitted on all of the dev clips, are more favourable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.training.evaluation.metrics import too_low_a_threshold

ROUNDS = 400
LEAST_SOURCES = 8


def held_out_rates(
    fakes: Sequence[bool], scores: Sequence[float], sources: Sequence[str], seed: int = 0
) -> dict[str, Any] | None:
    """False alarms and finds at thresholds that were fitted on other sources.

    Args:
        fakes: Whether each clip is manipulated.
        scores: Its probability.
        sources: Where it comes from.
        seed: Of the halves.

    Returns:
        `false_positive_rate` and `recall`, each the mean over the halves with the range that 95 % of them lie
        in, rounded to four digits, and `n`, the sources. None where there are too few sources, or never both
        kinds of clips in both halves.
    """
    names = sorted(set(sources))
    if len(names) < LEAST_SOURCES or "" in names:
        return None
    rng = np.random.default_rng(seed)
    labels, values = np.array(fakes, dtype=np.bool_), np.array(scores)
    place = np.array([names.index(source) for source in sources])
    rounds = []
    for _ in range(ROUNDS):
        fitted = rng.permutation(len(names))[place] < len(names) // 2
        genuine, counted = values[fitted & ~labels], values[~fitted & ~labels]
        found = values[~fitted & labels]
        if len(genuine) and len(counted) and len(found):
            too_low = too_low_a_threshold(genuine.tolist())
            rounds.append((float(np.mean(counted > too_low)), float(np.mean(found > too_low))))
    if not rounds:
        return None
    false_alarms, recalls = np.array(rounds).T
    return {
        "false_positive_rate": _spread(false_alarms, len(names)),
        "recall": _spread(recalls, len(names)),
    }


def _spread(values: npt.NDArray[np.float64], sources: int) -> dict[str, Any]:
    low, high = np.percentile(values, [2.5, 97.5])
    return {
        "value": round(float(values.mean()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "n": sources,
    }
