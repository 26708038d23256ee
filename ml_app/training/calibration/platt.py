"""From logits to probabilities and verdicts: Platt scaling, a threshold, and a band where nothing is said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml_app.detection.checkpoints.metadata import Calibration, Decision
from ml_app.detection.verdict import calibrated
from ml_app.training.evaluation.metrics import Scored, too_low_a_threshold

MAX_MISSES = 0.05  # share of manipulated clips that are called REAL
# Where not one of n clips was seen, up to three of n may be expected, at 95 % (the rule of three): no
# likelihood ratio beyond n / 3 can be shown.
NONE_SEEN = 3.0
LEAST_BAND = 0.1  # log odds; width of the band where nothing is said
LEAST_SLOPE = 0.05  # where higher logits do not mean fake, probabilities hardly move


def fit_calibration(items: Sequence[Scored], fitted_on: str) -> Calibration:
    """Platt scaling of logits, both classes weighing alike.

    A slope that is not positive would turn the detector round; it is set to a small positive one, which
    leaves all probabilities near a half, and `fitted_on` says so.

    Raises:
        ValueError: One class is missing.
    """
    if len({item.fake for item in items}) < 2:
        raise ValueError("calibration needs genuine and manipulated clips")
    model = LogisticRegression(class_weight="balanced")
    model.fit(np.array([[item.score] for item in items]), [item.fake for item in items])
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < LEAST_SLOPE:
        middle = float(np.mean([item.score for item in items]))
        note = f"{fitted_on}; slope {slope:.3f} was raised to {LEAST_SLOPE}: the scores tell next to nothing"
        return Calibration(LEAST_SLOPE, -LEAST_SLOPE * middle, note)
    return Calibration(round(slope, 6), round(intercept, 6), fitted_on)


def choose_decision(items: Sequence[Scored], calibration: Calibration) -> Decision:
    """When to say FAKE, when REAL, and when nothing.

    FAKE from the lowest threshold that at most 5 % of the genuine clips reach; REAL below a level under which
    at most 5 % of the manipulated ones lie; UNCERTAIN in between. A detector that tells the two kinds apart
    badly thus says little, and one that tells them apart well still keeps a narrow band below its threshold.
    """
    odds = [(item.fake, calibration.slope * item.score + calibration.intercept) for item in items]
    genuine = [value for fake, value in odds if not fake]
    fakes = sorted(value for fake, value in odds if fake)
    highest = too_low_a_threshold(genuine)
    above = [value for _, value in odds if value > highest]
    # Half way to the next clip above, so that rounding does not decide.
    threshold = (highest + min(above)) / 2 if above else highest + 0.1
    low = min(fakes[math.floor(MAX_MISSES * len(fakes))], threshold - LEAST_BAND)
    unit = Calibration()
    return Decision(
        threshold=calibrated(threshold, unit),
        uncertain_low=calibrated(low, unit),
        uncertain_high=calibrated(threshold, unit),
        supported_ratio=round(min(len(genuine), len(fakes)) / NONE_SEEN, 1),
    )
