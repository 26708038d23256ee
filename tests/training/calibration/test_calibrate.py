"""Figures, calibration, thresholds, sampling and the split of the heads' clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ml_app.detection.checkpoints.metadata import Decision
from ml_app.detection.verdict import calibrated
from ml_app.training.calibration.calibrate import figures
from ml_app.training.calibration.platt import LEAST_SLOPE, choose_decision, fit_calibration
from ml_app.training.evaluation import metrics
from ml_app.training.evaluation.metrics import (
    Scored,
    auc,
    by_family,
    pair_accuracy,
    pair_figure,
    with_interval,
)
from ml_app.training.fitting.heads import sample, split_by_group
from ml_app.training.fitting.sequences import ClipView, places


def items(genuine: list[float], fakes: list[float]) -> list[Scored]:
    return [
        Scored(f"{label}{i}", label == "fake", score, family=label, pair=str(i))
        for label, scores in (("real", genuine), ("fake", fakes))
        for i, score in enumerate(scores)
    ]


def test_auc_and_pairs_of_known_scores() -> None:
    scored = items([0.1, 0.4], [0.3, 0.9])
    assert auc(scored) == 0.75
    assert pair_accuracy(scored) == 1.0
    assert pair_accuracy(items([0.5, 0.5], [0.5, 0.4])) == 0.25
    assert np.isnan(auc(items([1.0], [])))


def test_intervals_hold_the_value_and_shrink_with_more_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "RESAMPLES", 200)
    rng = np.random.default_rng(0)
    widths = []
    for count in (10, 100):
        scored = items(list(rng.normal(0, 1, count)), list(rng.normal(1, 1, count)))
        figure = with_interval(scored, auc)
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert figure["n"] == 2 * count
        widths.append(figure["high"] - figure["low"])
    assert widths[1] < widths[0] / 2
    assert pair_figure(items([0.0], [1.0])) == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert pair_figure([])["value"] is None


def test_the_rate_of_one_class_counts_that_class_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "RESAMPLES", 20)
    found = figures(items([0.1, 0.2, 0.9], [0.3, 0.8]), Decision())
    assert (found["false_positive_rate"]["value"], found["false_positive_rate"]["n"]) == (0.333, 3)
    assert (found["true_positive_rate"]["value"], found["true_positive_rate"]["n"]) == (0.5, 2)
    assert (found["fakes_called_real"]["n"], found["uncertain"]["n"], found["auc"]["n"]) == (2, 5, 5)


def test_families_are_set_against_all_genuine_items() -> None:
    scored = items([0.1, 0.2], [0.3])
    assert {name: len(members) for name, members in by_family(scored).items()} == {"fake": 3}


def test_calibration_tells_probabilities() -> None:
    rng = np.random.default_rng(1)
    scored = items(list(rng.normal(-3, 2, 400)), list(rng.normal(3, 2, 400)))
    calibration = fit_calibration(scored, "made-up clips")
    # Two normal distributions: the true log odds are 2 * 3 / 2**2 times the score.
    assert calibration.slope == pytest.approx(1.5, rel=0.25)
    assert calibration.intercept == pytest.approx(0, abs=0.7)
    assert calibration.fitted_on == "made-up clips"


def test_a_detector_that_is_worse_than_chance_is_not_turned_round() -> None:
    calibration = fit_calibration(items([2.0, 3.0, 4.0], [-2.0, -3.0, -4.0]), "made-up clips")
    assert calibration.slope == LEAST_SLOPE
    assert "raised" in calibration.fitted_on
    with pytest.raises(ValueError, match="genuine and manipulated"):
        fit_calibration(items([1.0], []), "")


def test_at_most_one_genuine_clip_in_twenty_reaches_the_threshold() -> None:
    rng = np.random.default_rng(2)
    for count in (10, 31, 40):
        scored = items(list(rng.normal(0, 1, count)), list(rng.normal(1.5, 1, count)))
        calibration = fit_calibration(scored, "made-up clips")
        decision = choose_decision(scored, calibration)
        alarms = [
            calibrated(item.score, calibration) >= decision.threshold for item in scored if not item.fake
        ]
        assert np.mean(alarms) <= 0.05
        fakes = [item.score for item in scored if item.fake]
        missed = [calibrated(score, calibration) < decision.uncertain_low for score in fakes]
        assert np.mean(missed) <= 0.05
        assert decision.uncertain_low < decision.uncertain_high == decision.threshold


@pytest.mark.parametrize(
    ("count", "first"), [(1, [50]), (10, [5, 15, 25]), (40, [1, 3, 6]), (60, [0, 2, 4]), (100, [0, 1, 2])]
)
def test_heads_learn_from_the_middles_of_equal_parts(count: int, first: list[int]) -> None:
    chosen = places(100, count)
    assert chosen[:3] == first
    assert len(set(chosen)) == count
    assert chosen == sorted(chosen)
    assert places(7, count) == ([3] if count == 1 else list(range(7)))
    taken = sample(torch.arange(100.0)[:, None], count)
    assert taken[:, 0].tolist() == chosen
    drawn = sample(torch.arange(100.0)[:, None], count, np.random.default_rng(0))[:, 0]
    assert len(drawn) == count
    assert (drawn.diff() >= 0).all()


def test_no_group_stands_on_both_sides_of_the_heads_split() -> None:
    views = [
        ClipView(
            torch.zeros(10, 4), (), fake=fake, group=f"pair{n}" if n < 5 else f"{fake}{n}", generator="g"
        )
        for n in range(12)
        for fake in (True, False)
        for _ in range(2)
    ]
    learn, held = split_by_group(views, 0.25, np.random.default_rng(0))
    assert len(learn) + len(held) == len(views)
    assert not {view.group for view in learn} & {view.group for view in held}
    assert {view.fake for view in held} == {True, False} == {view.fake for view in learn}
