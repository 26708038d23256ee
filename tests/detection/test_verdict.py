"""From scores to words."""

from __future__ import annotations

import math

import pytest

from ml_app.detection import verdict
from ml_app.detection.checkpoints.metadata import Calibration, Decision
from ml_app.detection.findings import Box, Evidence, FaceFinding, FaceFrameFinding, Reason, Verdict
from ml_app.detection.summary import sentence

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
    ("probability", "kind", "expected"),
    [
        (0.5, Verdict.FAKE, Evidence.WEAK),
        (0.79, Verdict.FAKE, Evidence.WEAK),  # 3.8 times as likely
        (0.81, Verdict.FAKE, Evidence.MODERATE),  # 4.3
        (0.90, Verdict.FAKE, Evidence.MODERATE),  # 9
        (0.92, Verdict.FAKE, Evidence.STRONG),  # 11.5
        (0.989, Verdict.FAKE, Evidence.STRONG),  # 90
        (0.995, Verdict.FAKE, Evidence.VERY_STRONG),  # 199
        (1.0, Verdict.FAKE, Evidence.VERY_STRONG),
        (0.0, Verdict.REAL, Evidence.VERY_STRONG),
        (0.08, Verdict.REAL, Evidence.STRONG),  # 11.5
        (0.11, Verdict.REAL, Evidence.MODERATE),  # 8
        (0.19, Verdict.REAL, Evidence.MODERATE),  # 4.3
        (0.21, Verdict.REAL, Evidence.WEAK),  # 3.8
        (0.36, Verdict.REAL, Evidence.WEAK),  # 1.8
        (0.6, Verdict.REAL, Evidence.NONE),  # speaks for the other side
        (0.4, Verdict.FAKE, Evidence.NONE),
    ],
)
def test_evidence_in_words(probability: float, kind: Verdict, expected: Evidence) -> None:
    assert verdict.evidence_words(probability, kind) is expected


@pytest.mark.parametrize(
    ("supported", "expected"),
    [
        (0.0, Evidence.VERY_STRONG),
        (120.0, Evidence.VERY_STRONG),
        (31.0, Evidence.STRONG),
        (5.0, Evidence.MODERATE),
        (2.0, Evidence.WEAK),
    ],
)
def test_words_are_no_stronger_than_the_measurement(supported: float, expected: Evidence) -> None:
    assert verdict.evidence_words(0.995, Verdict.FAKE, supported) is expected
    assert verdict.decide(0.995, Decision(0.5, 0.5, 0.5, supported)).evidence is expected


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.71, 0.85])
def test_the_threshold_changes_the_verdict_and_not_the_words(threshold: float) -> None:
    decision = Decision(threshold, threshold, threshold)
    low, high = verdict.decide(0.11, decision), verdict.decide(0.9, decision)
    assert (low.verdict, low.evidence) == (Verdict.REAL, Evidence.MODERATE)
    assert (high.verdict, high.evidence) == (Verdict.FAKE, Evidence.MODERATE)


def test_a_verdict_that_the_score_does_not_support_claims_no_evidence() -> None:
    suspicious = verdict.decide(0.4, Decision(0.3, 0.3, 0.3))
    assert (suspicious.verdict, suspicious.evidence) == (Verdict.FAKE, Evidence.NONE)
    passed = verdict.decide(0.8, Decision(0.9, 0.9, 0.9))
    assert (passed.verdict, passed.evidence) == (Verdict.REAL, Evidence.NONE)


@pytest.mark.parametrize(
    ("kind", "evidence", "words"),
    [
        (Verdict.FAKE, Evidence.MODERATE, "Moderate evidence of manipulation"),
        (Verdict.FAKE, Evidence.NONE, "Suspicious, without evidence of manipulation"),
        (
            Verdict.REAL,
            Evidence.MODERATE,
            "No evidence of manipulation; moderate evidence that it is genuine",
        ),
        (
            Verdict.REAL,
            Evidence.NONE,
            "Less suspicious than the threshold, without evidence that it is genuine",
        ),
    ],
)
def test_the_terminals_sentence(kind: Verdict, evidence: Evidence, words: str) -> None:
    assert sentence(kind, Reason.NONE, evidence) == words


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


def test_without_movement_nothing_speaks_for_either_side() -> None:
    ruling = verdict.judge_person(0.99, [frame()] * 10, DECISION, 10, unread=Reason.FRAMES_TOO_FAR_APART)
    assert (ruling.verdict, ruling.reason) == (Verdict.UNCERTAIN, Reason.FRAMES_TOO_FAR_APART)
    assert (ruling.fake_probability, ruling.evidence) == (0.5, Evidence.NONE)
    unseen = verdict.judge_person(0.99, [frame()] * 2, DECISION, 10, unread=Reason.FRAMES_TOO_FAR_APART)
    assert unseen.reason is Reason.TOO_FEW_FRAMES


def test_of_what_looks_drawn_nothing_is_said() -> None:
    ruling = verdict.judge_person(0.99, [frame()] * 10, DECISION, 10, drawn=True)
    assert (ruling.verdict, ruling.reason) == (Verdict.NOT_ANALYSABLE, Reason.DRAWN_FACE)
    assert ruling.fake_probability is None
    in_picture = verdict.judge_in_picture(0.01, frame(), DECISION, drawn=True)
    assert (in_picture.verdict, in_picture.reason) == (Verdict.NOT_ANALYSABLE, Reason.DRAWN_FACE)
    blurred = [frame(sharpness=2.0)] * 5  # has no look of its own
    assert verdict.judge_person(0.99, blurred, DECISION, 5, drawn=True).reason is Reason.TOO_BLURRED
    assert verdict.judge_in_picture(0.99, blurred[0], DECISION, drawn=True).reason is Reason.TOO_BLURRED


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
