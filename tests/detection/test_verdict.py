"""From scores to words."""

from __future__ import annotations

import math

import pytest

from ml_app.detection import verdict
from ml_app.detection.checkpoints import Calibration, Decision
from ml_app.detection.findings import Box, Evidence, FaceFinding, FaceFrameFinding, Reason, Verdict

DECISION = Decision(threshold=0.5, uncertain_low=0.4, uncertain_high=0.6)


def frame(side: int = 100, sharpness: float = 200.0, brightness: float = 120.0) -> FaceFrameFinding:
    return FaceFrameFinding(0.0, Box(0, 0, side, side + 3), 0.5, sharpness, brightness, b"")


def face(
    number: int, probability: float | None, frames: int = 5, reason: Reason = Reason.NONE
) -> FaceFinding:
    kind = Verdict.NOT_ANALYSABLE if probability is None else verdict.decide(probability, DECISION).verdict
    evidence = Evidence.NONE if probability is None else verdict.decide(probability, DECISION).evidence
    return FaceFinding(number, kind, reason, probability, evidence, (frame(),) * frames)


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, Verdict.REAL),
        (0.399, Verdict.REAL),
        (0.4, Verdict.UNCERTAIN),
        (0.5, Verdict.UNCERTAIN),
        (0.599, Verdict.UNCERTAIN),
        (0.6, Verdict.FAKE),
        (1.0, Verdict.FAKE),
    ],
)
def test_a_band_around_the_threshold_is_uncertain(probability: float, expected: Verdict) -> None:
    ruling = verdict.decide(probability, DECISION)
    assert ruling.verdict is expected
    uncertain = expected is Verdict.UNCERTAIN
    assert ruling.reason is (Reason.NEAR_THRESHOLD if uncertain else Reason.NONE)
    assert (ruling.evidence is Evidence.NONE) is uncertain


def test_without_a_band_nothing_is_uncertain() -> None:
    decision = Decision(0.5, 0.5, 0.5)
    assert verdict.decide(0.5, decision).verdict is Verdict.FAKE
    assert verdict.decide(0.4999, decision).verdict is Verdict.REAL


@pytest.mark.parametrize(
    ("probability", "threshold", "expected"),
    [
        (0.7, 0.5, Evidence.WEAK),
        (0.81, 0.5, Evidence.MODERATE),
        (0.92, 0.5, Evidence.STRONG),
        (0.995, 0.5, Evidence.VERY_STRONG),
        (1.0, 0.5, Evidence.VERY_STRONG),
        (0.19, 0.5, Evidence.MODERATE),
        (0.0, 0.5, Evidence.VERY_STRONG),
        (0.92, 0.9, Evidence.WEAK),  # relative to the threshold
        (0.5, 0.9, Evidence.MODERATE),
    ],
)
def test_evidence_in_words(probability: float, threshold: float, expected: Evidence) -> None:
    assert verdict.evidence_words(probability, threshold) is expected


def test_calibration_is_a_logistic_curve_that_cannot_overflow() -> None:
    calibration = Calibration(slope=2.0, intercept=-1.0)
    assert verdict.calibrated(0.5, calibration) == pytest.approx(0.5)
    assert verdict.calibrated(1.5, calibration) == pytest.approx(1 / (1 + math.exp(-2)))
    assert verdict.calibrated(1e6, calibration) == 1.0
    assert verdict.calibrated(-1e6, calibration) == 0.0


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([frame()] * 3, Reason.NONE),
        ([frame()] * 2, Reason.TOO_FEW_FRAMES),
        ([frame(side=30)] * 5, Reason.FACE_TOO_SMALL),
        ([frame(sharpness=2.0)] * 5, Reason.TOO_BLURRED),
        ([frame(brightness=10.0)] * 5, Reason.TOO_DARK),
        ([frame(brightness=10.0, sharpness=2.0)] * 5, Reason.TOO_DARK),
        ([frame(), frame(), frame(side=30)], Reason.NONE),  # the median counts
    ],
)
def test_who_cannot_be_judged(frames: list[FaceFrameFinding], reason: Reason) -> None:
    ruling = verdict.judge_person(0.99, frames, DECISION, 20)
    assert ruling.reason is reason
    assert (ruling.verdict is Verdict.NOT_ANALYSABLE) is (reason is not Reason.NONE)
    assert (ruling.fake_probability is None) is (reason is not Reason.NONE)


@pytest.mark.parametrize(("looked_at", "enough"), [(10, 3), (60, 3), (80, 4), (100, 5)])
def test_a_person_must_be_seen_in_some_share_of_the_frames(looked_at: int, enough: int) -> None:
    assert verdict.obstacle([frame()] * enough, looked_at) is Reason.NONE
    assert verdict.obstacle([frame()] * (enough - 1), looked_at) is Reason.TOO_FEW_FRAMES


def test_the_most_suspicious_person_decides() -> None:
    ruling = verdict.judge_video([face(1, 0.1), face(2, 0.97), face(3, None), face(4, 0.5)])
    assert (ruling.verdict, ruling.fake_probability) == (Verdict.FAKE, 0.97)
    assert ruling.evidence is Evidence.STRONG


def test_an_uncertain_person_outweighs_a_genuine_one() -> None:
    assert verdict.judge_video([face(1, 0.1), face(2, 0.5)]).verdict is Verdict.UNCERTAIN


def test_nobody_to_judge() -> None:
    assert verdict.judge_video([]).reason is Reason.NO_FACE
    often = face(2, None, frames=9, reason=Reason.TOO_BLURRED)
    ruling = verdict.judge_video([face(1, None, frames=2, reason=Reason.TOO_FEW_FRAMES), often])
    assert (ruling.verdict, ruling.reason) == (Verdict.NOT_ANALYSABLE, Reason.TOO_BLURRED)
    assert ruling.fake_probability is None
