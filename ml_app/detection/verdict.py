"""From scores to words: calibration, verdicts, reasons, strength of evidence. Pure functions.

The probability is calibrated with genuine and manipulated clips weighing the same, that is, from even odds.
So its own odds are a likelihood ratio: how much more likely such a score is from a manipulated face than
from a genuine one. The threshold, which weighs one kind of mistake against the other, has no part in it. The
strength is put in words after the verbal scale of the ENFSI guideline for evaluative reporting (2015), of
which a detector like this one reaches only the lower end; that is why the words here begin earlier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ml_app.detection.checkpoints.metadata import Calibration, Decision
from ml_app.detection.findings import Evidence, FaceFinding, FaceFrameFinding, Reason, Verdict

# Medians over a person's sightings.
MIN_FRAMES = 3  # fewer show neither movement nor consistency
MIN_SHARE = 0.05  # of the frames that were looked at; what was rarer is often no face at all
MIN_FACE_SIDE = 48  # pixels of the box's shorter side; below, enlarging invents most of what is judged
MIN_SHARPNESS = 12.0  # variance of the Laplacian at 112 px, as after a blur by 2 to 3 % of the face's width
MIN_BRIGHTNESS = 20.0  # luma of the face, 0..255; low, so that dark skin in poor light is not refused

EVEN = 0.5  # the probability where nothing speaks for either side

# Likelihood ratios from which the evidence is called so, either way.
MODERATE, STRONG, VERY_STRONG = 4.0, 10.0, 100.0
WORDS = ((VERY_STRONG, Evidence.VERY_STRONG), (STRONG, Evidence.STRONG), (MODERATE, Evidence.MODERATE))


@dataclass(frozen=True, slots=True)
class Rule:
    """How logits become verdicts; `picture`: of faces of which there is one sighting alone."""

    calibration: Calibration
    decision: Decision
    picture: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is said of a person or a video."""

    verdict: Verdict
    reason: Reason = Reason.NONE
    fake_probability: float | None = None
    evidence: Evidence = Evidence.NONE


def calibrated(logit: float, calibration: Calibration) -> float:
    """Probability of FAKE, 0..1, of a logit (Platt scaling, 1999)."""
    value = calibration.slope * logit + calibration.intercept
    if value < 0:  # the exponential of a large number overflows
        power = math.exp(value)
        return power / (1 + power)
    return 1 / (1 + math.exp(-value))


def evidence_words(probability: float, verdict: Verdict, supported_ratio: float = 0.0) -> Evidence:
    """Strength of the evidence for a verdict.

    Args:
        probability: Calibrated probability of FAKE from even odds, 0..1.
        verdict: FAKE or REAL.
        supported_ratio: The largest likelihood ratio that the detector's measurement can show; words that
            stand for a larger one are not used. 0 where it is not known.

    Returns:
        WEAK, MODERATE from a likelihood ratio of 4, STRONG from 10, VERY_STRONG from 100. NONE where the
        probability speaks for the other side: a threshold beyond one half has called it so.
    """
    speaking = probability if verdict is Verdict.FAKE else 1 - probability
    other = 1 - speaking  # may be nothing, so no ratio is taken
    for ratio, words in WORDS:
        if speaking >= ratio * other and (supported_ratio == 0 or supported_ratio >= ratio):
            return words
    return Evidence.WEAK if speaking >= other else Evidence.NONE


def decide(probability: float, decision: Decision) -> Ruling:
    """The verdict of a calibrated probability: UNCERTAIN inside [low, high), else by the threshold."""
    if decision.uncertain_low <= probability < decision.uncertain_high:
        return Ruling(Verdict.UNCERTAIN, Reason.NEAR_THRESHOLD, probability)
    verdict = Verdict.FAKE if probability >= decision.threshold else Verdict.REAL
    return Ruling(
        verdict, Reason.NONE, probability, evidence_words(probability, verdict, decision.supported_ratio)
    )


def obstacle(frames: Sequence[FaceFrameFinding], looked_at: int) -> Reason:
    """Why a person cannot be judged by these of the frames that were looked at; NONE if they can."""
    if len(frames) < max(MIN_FRAMES, MIN_SHARE * looked_at):
        return Reason.TOO_FEW_FRAMES
    return unclear(frames)


def unclear(frames: Sequence[FaceFrameFinding]) -> Reason:
    """Why faces show too little of a person, one picture or several; NONE if they show enough."""
    if median(min(frame.box.width, frame.box.height) for frame in frames) < MIN_FACE_SIDE:
        return Reason.FACE_TOO_SMALL
    if median(frame.brightness for frame in frames) < MIN_BRIGHTNESS:
        return Reason.TOO_DARK  # before blurred: what is dark has no contrast either
    if median(frame.sharpness for frame in frames) < MIN_SHARPNESS:
        return Reason.TOO_BLURRED
    return Reason.NONE


def judge_person(
    probability: float,
    frames: Sequence[FaceFrameFinding],
    decision: Decision,
    looked_at: int,
    *,
    unread: Reason = Reason.NONE,
    drawn: bool = False,
) -> Ruling:
    """The ruling on one person.

    Args:
        probability: Calibrated probability of FAKE of the person.
        frames: All sightings of the person.
        decision: The checkpoint's.
        looked_at: How many frames of the video were looked at.
        unread: Why the detector cannot read these frames, see `Detector.obstacle`. Where they lie too far
            apart for one that reads movement, nothing speaks for either side.
        drawn: The face looks drawn: the detector knows photographed ones alone.
    """
    reason = obstacle(frames, looked_at)
    if reason is Reason.NONE and unread is Reason.TOO_FEW_FRAMES:
        reason = unread
    if reason is Reason.NONE and drawn:  # last: what is blurred or small has no look of its own
        reason = Reason.DRAWN_FACE
    if reason is not Reason.NONE:
        return Ruling(Verdict.NOT_ANALYSABLE, reason)
    if unread is not Reason.NONE:
        return Ruling(Verdict.UNCERTAIN, unread, EVEN)
    return decide(probability, decision)


def judge_in_picture(
    probability: float, frame: FaceFrameFinding, decision: Decision, *, drawn: bool = False
) -> Ruling:
    """The ruling on one face of a picture.

    Args:
        probability: Calibrated, on pictures, probability of FAKE of the face.
        frame: Its only sighting.
        decision: That of the checkpoint for pictures.
        drawn: As in `judge_person`.
    """
    reason = unclear([frame])
    if reason is Reason.NONE and drawn:
        reason = Reason.DRAWN_FACE
    return decide(probability, decision) if reason is Reason.NONE else Ruling(Verdict.NOT_ANALYSABLE, reason)


def judge_video(faces: Sequence[FaceFinding]) -> Ruling:
    """The ruling on a video or a picture: that on its most suspicious person.

    Where nobody can be judged, the reason is that of the person seen most often; NO_FACE where nobody is
    seen.
    """
    judged = [face for face in faces if face.fake_probability is not None]
    if judged:
        worst = max(judged, key=lambda face: face.fake_probability or 0.0)
        return Ruling(worst.verdict, worst.reason, worst.fake_probability, worst.evidence)
    if not faces:
        return Ruling(Verdict.NOT_ANALYSABLE, Reason.NO_FACE)
    return Ruling(Verdict.NOT_ANALYSABLE, max(faces, key=lambda face: len(face.frames)).reason)
