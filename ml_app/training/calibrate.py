"""From logits to probabilities and verdicts: Platt scaling, a threshold, and a band where nothing is said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml_app.detection.checkpoints import Calibration, Decision
from ml_app.detection.verdict import calibrated
from ml_app.training.metrics import Scored

MAX_FALSE_ALARMS = 0.05  # share of genuine clips at or above the threshold
BAND_SHARE = 0.2  # of the clips fall into the band around the threshold
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
    """The lowest threshold at which at most 5 % of the genuine clips would be called FAKE, and the band.

    The band is as wide, in log odds about the threshold, as it takes to hold a fifth of the clips.
    """
    odds = {id(item): calibration.slope * item.score + calibration.intercept for item in items}
    genuine = sorted((odds[id(item)] for item in items if not item.fake), reverse=True)
    allowed = math.floor(MAX_FALSE_ALARMS * len(genuine))
    above = [value for value in sorted(odds.values()) if value > genuine[allowed]]
    # Half way to the next clip above, so that rounding does not decide.
    threshold = (genuine[allowed] + above[0]) / 2 if above else genuine[allowed] + 0.1
    distances = sorted(abs(value - threshold) for value in odds.values())
    half = distances[min(len(distances) - 1, math.ceil(BAND_SHARE * len(distances)))]
    unit = Calibration()
    return Decision(
        threshold=calibrated(threshold, unit),
        uncertain_low=calibrated(threshold - half, unit),
        uncertain_high=calibrated(threshold + half, unit),
    )
