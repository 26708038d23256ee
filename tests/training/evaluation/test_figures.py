"""The figures of a measurement, against values worked out by hand and against scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from sklearn import metrics as sk

from ml_app.training.evaluation.figures import (
    Bootstrap,
    auc_change,
    equal_error_rate,
    figures,
    point_values,
    resampled_values,
    roc,
    tpr_at_fpr,
)
from ml_app.training.evaluation.groups import Portrait, false_positive_rates, group_of
from ml_app.training.evaluation.held_out import held_out_rates
from ml_app.training.evaluation.judging import JudgedClip, Judgement
from ml_app.training.evaluation.metrics import too_low_a_threshold
from ml_app.training.evaluation.reliability import calibration, reliability_bins, wilson
from ml_app.training.evaluation.results import results
from ml_app.training.evaluation.table import LabelledClip, read_table

#              genuine 0.1 0.4 0.6 0.7        manipulated 0.3 0.65 0.8 0.9
LABELS = np.array([False] * 4 + [True] * 4)
SCORES = np.array([0.1, 0.4, 0.6, 0.7, 0.3, 0.65, 0.8, 0.9])


def test_figures_worked_out_by_hand() -> None:
    found = point_values(LABELS, SCORES, 0.62)
    # Of 16 couples the fakes win 1 + 3 + 4 + 4.
    assert found["auc"] == 12 / 16
    # Falling: F 0.9, F 0.8, R 0.7, F 0.65, R, R, F 0.3: precision at each fake 1, 1, 3/4, 4/7.
    assert found["average_precision"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 7) / 4)
    # At 0.62: three of four fakes above, one of four genuine ones.
    assert found["accuracy"] == 6 / 8
    assert found["balanced_accuracy"] == 0.75
    assert found["precision"] == found["recall"] == found["f1"] == 0.75
    assert found["false_positive_rate"] == 0.25
    assert found["equal_error_rate"] == 0.25
    assert found["tpr_at_fpr_1"] == found["tpr_at_fpr_5"] == 0.5  # the two fakes above every genuine clip


def test_the_equal_error_rate_lies_between_points_of_the_curve() -> None:
    # From (0, 1/2) to (1, 1): misses fall from 1/2 to 0 as alarms rise from 0 to 1, equal at a third.
    assert equal_error_rate(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0])) == pytest.approx(1 / 3)
    assert equal_error_rate(np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])) == 0
    assert tpr_at_fpr(np.array([0, 0.02, 0.04, 1]), np.array([0, 0.3, 0.6, 1]), 0.01) == 0
    assert tpr_at_fpr(np.array([0, 0.02, 0.04, 1]), np.array([0, 0.3, 0.6, 1]), 0.05) == 0.6


@pytest.mark.parametrize("seed", range(5))
def test_a_resample_has_the_figures_of_the_clips_that_were_drawn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random(40) < 0.6
    scores = np.round(rng.random(40), 1)  # with ties
    drawn = rng.integers(40, size=40)
    weights = np.bincount(drawn, minlength=40)
    again = resampled_values(labels, scores, 0.5, weights)
    assert again == pytest.approx(point_values(labels[drawn], scores[drawn], 0.5), nan_ok=True)
    assert again["auc"] == pytest.approx(sk.roc_auc_score(labels[drawn], scores[drawn]))
    assert again["f1"] == pytest.approx(sk.f1_score(labels[drawn], scores[drawn] >= 0.5))


def test_figures_of_one_class_alone_are_empty() -> None:
    found = figures(LABELS[4:], SCORES[4:], 0.62, Bootstrap(20))
    assert found["auc"] == {"value": None, "low": None, "high": None, "n": 4}
    assert found["false_positive_rate"]["value"] is None
    assert found["recall"]["value"] == 0.75
    assert figures(LABELS[:0], SCORES[:0], 0.5, Bootstrap(20))["accuracy"]["value"] is None
    nobody = figures(LABELS, SCORES, 0.95, Bootstrap(20))
    assert nobody["precision"]["value"] is None
    assert nobody["recall"]["value"] == 0


def test_intervals_are_those_of_the_binomial_distribution_and_repeatable() -> None:
    flags = [True] * 30 + [False] * 70
    found = Bootstrap(4000).share(flags)
    assert found["value"] == 0.3
    low, high = binom.ppf([0.025, 0.975], 100, 0.3) / 100
    assert found["low"] == pytest.approx(low, abs=0.015)
    assert found["high"] == pytest.approx(high, abs=0.015)
    assert found == Bootstrap(4000).share(flags)
    assert (Bootstrap(5, seed=1).draws(100) != Bootstrap(5).draws(100)).any()
    assert wilson(0.0, 30) == (0.0, pytest.approx(0.1135, abs=1e-4))  # 3.84 / (30 + 3.84)


def test_reliability_and_calibration_error_by_hand() -> None:
    labels = np.array([False, True, True, True])
    probabilities = np.array([0.12, 0.18, 0.72, 0.74])
    assert reliability_bins(labels, probabilities) == [
        {"predicted": 0.15, "observed": 0.5, "n": 2},
        {"predicted": 0.73, "observed": 1.0, "n": 2},
    ]
    found = calibration(labels, probabilities, Bootstrap(20))
    assert found["expected_calibration_error"]["value"] == pytest.approx((0.35 + 0.27) / 2)
    errors = [0.12**2, 0.82**2, 0.28**2, 0.26**2]
    assert found["brier_score"]["value"] == pytest.approx(np.mean(errors), abs=5e-5)
    assert found["bins"][0] | {"low": 0.0945, "high": 0.9055} == found["bins"][0]
    for edge in (0.0, 0.1, 0.3, 1.0):  # each belongs to some bin
        assert reliability_bins(np.array([True]), np.array([edge]))[0]["n"] == 1


def test_the_change_of_the_same_clips_is_narrower_than_the_difference_of_two_intervals() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2 == 0
    before = labels + rng.normal(0, 1, 80)
    after = before - 0.3 * labels
    found = auc_change(labels, before, after, Bootstrap(300))
    alone = figures(labels, before, 0.5, Bootstrap(300))["auc"]
    assert found["value"] < 0
    assert found["high"] < 0  # certain, although either AUC by itself is not known that well
    assert found["high"] - found["low"] < (alone["high"] - alone["low"]) / 2
    assert auc_change(labels[:0], before[:0], after[:0], Bootstrap(5))["value"] is None


def judged(name: str, verdict: str, probability: float | None, reason: str = "", **known: str) -> JudgedClip:
    clip = LabelledClip(name, Path(name), name.startswith("fake"), **known)
    return JudgedClip(clip, Judgement(verdict, reason, probability))


def test_results_of_a_few_clips() -> None:
    clips = [
        judged("fake1", "fake", 0.9, family="swap", generator="a", pair="1"),
        judged("fake2", "real", 0.1, family="swap", generator="b", pair="2"),
        judged("fake3", "uncertain", 0.5, "near_threshold", family="lips", generator="c"),
        judged("fake4", "not_analysable", None, "no_face", family="lips", generator="c"),
        judged("real1", "real", 0.2, generator="news", pair="1"),
        judged("real2", "real", 0.3, generator="news", pair="2"),
    ]
    found = results(clips, 0.6, Bootstrap(50))
    assert found["overall"]["auc"]["value"] == pytest.approx(4 / 6, abs=1e-4)
    assert found["overall"]["auc"]["n"] == 5
    assert found["overall"]["not_analysable"] == 1
    assert found["families"]["swap"]["auc"]["value"] == 0.5
    assert found["families"]["lips"]["auc"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 3}
    assert (found["families"]["lips"]["clips"], found["families"]["lips"]["fakes"]) == (4, 2)
    assert sorted(found["generators"]) == ["a", "b", "c"]
    assert found["corpora"]["news"]["false_positive_rate"]["value"] == 0
    assert found["corpora"]["news"]["false_positive_rate"]["high"] > 0.6  # two clips prove little
    assert [clip["file"] for clip in found["mistakes"]["genuine"]] == ["real2", "real1"]
    assert [clip["file"] for clip in found["mistakes"]["manipulated"]] == ["fake2", "fake3", "fake1"]
    assert found["pair_accuracy"]["value"] == 0.5
    assert found["pair_accuracy"]["n"] == 2
    assert found["abstentions"]["share"]["value"] == pytest.approx(2 / 6, abs=1e-4)
    assert found["abstentions"]["error_rate_without"]["value"] == 0.25
    assert (
        found["not_analysable"] | {"n": 1, "fake": 1, "real": 0, "reasons": {"no_face": 1}}
        == found["not_analysable"]
    )
    confusion = {key: found["confusion"][key] for key in ("true_positive", "false_negative", "true_negative")}
    assert confusion == {"true_positive": 1, "false_negative": 2, "true_negative": 2}
    assert found["verdicts"]["fake"] == {"real": 1, "fake": 1, "uncertain": 1, "not_analysable": 1}
    fpr, tpr = roc(np.array([True, True, True, False, False]), np.array([0.9, 0.1, 0.5, 0.2, 0.3]))
    assert found["curves"]["roc"]["true_positive_rate"] == pytest.approx(tpr, abs=1e-5)
    assert found["curves"]["roc"]["false_positive_rate"] == pytest.approx(fpr, abs=1e-5)


def test_false_alarms_by_group() -> None:
    portraits = [
        *[Portrait("male", "Black", 0.9)] * 3,
        *[Portrait("male", "Black", 0.1)] * 7,
        *[Portrait("female", "Asian", 0.2)] * 10,
        Portrait("female", "Asian", None),
    ]
    found = false_positive_rates(portraits, 0.5)
    assert found["gender"]["male"] | {"value": 0.3, "n": 10} == found["gender"]["male"]
    assert found["origin"]["Asian"]["value"] == 0
    assert found["origin"]["Asian"]["high"] > 0.25  # ten pictures prove little
    assert found["origin"]["Indian"] == {"value": None, "low": None, "high": None, "n": 0}
    assert found["gender_and_origin"]["male, Black"]["value"] == 0.3
    assert found["overall"]["value"] == 0.15
    assert found["without_face"] == 1
    assert group_of("dev/31_1_2_2017.jpg") == ("female", "Asian")
    assert group_of("dev/31_1_2017.jpg") == group_of("dev/portrait.jpg") == ("", "")


def table(folder: Path, text: str) -> Path:
    path = folder / "clips.csv"
    path.write_text(text)
    return path


def test_a_table_needs_two_columns_and_knows_more(tmp_path: Path) -> None:
    (clip,) = read_table(table(tmp_path, "file,label\nsub/a.mp4,Fake\n"))
    assert clip == LabelledClip("sub/a.mp4", tmp_path / "sub" / "a.mp4", True)
    assert read_table(table(tmp_path, "path,label\nsub/a.mp4,fake\n")) == [clip]
    rows = (
        "\ufefflabel,file,split,family,generator_or_corpus,pair\nreal,a,dev,,News,1\nfake,b,train,swap,X,1\n"
    )
    path = table(tmp_path, rows)
    assert len(read_table(path)) == 2
    assert read_table(path, "dev") == [LabelledClip("a", tmp_path / "a", False, "dev", "", "News", "1")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,label\na,real\n", "no column 'file'; its first line names name, label"),
        ("file,label\na,real\nb,unsure\n", "line 3: the label is 'unsure'; it must be real or fake"),
        ("file,label\n,real\n", "line 2: the column file is empty"),
        ("file,label\na,real\na,fake\n", "lists a twice"),
        ("file,label\n", "lists no clips"),
        ("", "names nothing"),
    ],
)
def test_a_table_that_cannot_be_used(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_table(table(tmp_path, text))


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    path = table(tmp_path, "file,label,split\na,real,dev\n")
    with pytest.raises(ValueError, match=r"no clips of the split 'test'; it has: dev"):
        read_table(path, "test")
    with pytest.raises(ValueError, match="no column 'split'"):
        read_table(table(tmp_path, "file,label\na,real\n"), "dev")


def test_a_threshold_is_counted_on_sources_that_it_was_not_fitted_on() -> None:
    genuine = np.linspace(0, 0.4, 100)
    assert np.mean(genuine > too_low_a_threshold(genuine.tolist())) == 0.05
    # One source's genuine clips score like fakes: fitted without it, the threshold calls them all FAKE.
    sources = [f"page {number}" for number in range(10) for _ in range(20)]
    fakes = [place % 2 == 1 for place in range(200)]
    scores = [0.9 if fake or source == "page 0" else 0.1 for fake, source in zip(fakes, sources, strict=True)]
    found = held_out_rates(fakes, scores, sources)
    assert found is not None
    assert found["recall"]["n"] == 10
    # In half of the rounds it is counted: 10 of 50 genuine clips; in the others all scores of 0.9 lie below.
    assert found["false_positive_rate"]["value"] == pytest.approx(0.1, abs=0.02)
    assert found["recall"]["value"] == pytest.approx(0.5, abs=0.08)
    assert held_out_rates(fakes, scores, sources) == found
    assert held_out_rates(fakes[:40], scores[:40], sources[:40]) is None  # two sources
    assert held_out_rates(fakes, scores, [""] * 200) is None
