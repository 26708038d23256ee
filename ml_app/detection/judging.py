"""What a detector's network says of the people who were found, as findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_app.detection import verdict
from ml_app.detection.faces.track import Seen
from ml_app.detection.findings import FaceFinding, FaceFrameFinding, Kind, Reason
from ml_app.detection.verdict import Rule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ml_app.detection.runtime.detector import Detector
    from ml_app.detection.runtime.network import PersonScores


@dataclass(frozen=True, slots=True)
class ScoredPerson:
    """A person and what the networks made of them. `embeddings`: float32 (T, channels)."""

    seen: tuple[Seen, ...]
    embeddings: npt.NDArray[np.float32]
    logits: PersonScores
    second: npt.NDArray[np.float32] | None = None  # what the second network saw of a few frames


def rule_of(kind: Kind, detector: Detector) -> Rule | None:
    """How a logit becomes a verdict; None where nothing was measured on files of this kind."""
    if kind is Kind.VIDEO:
        return Rule(detector.calibration, detector.decision)
    measured = detector.pictures
    return None if measured is None else Rule(measured.calibration, measured.decision, picture=True)


def score(
    people: Sequence[tuple[Seen, ...]], embeddings: Sequence[npt.NDArray[np.float32]], detector: Detector
) -> list[ScoredPerson]:
    """Score everybody together. `embeddings`: of each, float32 (T, channels)."""
    times = [[seen.time_s for seen in person] for person in people]
    second = detector.look_again([[seen.sighting.crop for seen in person] for person in people])
    logits = detector.score_embeddings(embeddings, times, second=second)
    return [
        ScoredPerson(*person, second[number] if second is not None else None)
        for number, person in enumerate(zip(people, embeddings, logits, strict=True))
    ]


def judge(
    number: int,
    person: ScoredPerson,
    detector: Detector,
    rule: Rule,
    *,
    looked_at: int,
    heatmaps: Mapping[int, bytes] | None = None,
) -> FaceFinding:
    """The finding on one person.

    Args:
        number: Of the person: 1, 2, ...
        person: With logits.
        detector: That gave them.
        rule: How they become a verdict.
        looked_at: How many frames the detector read.
        heatmaps: By position; none for an opinion, which has no pictures of its own.
    """
    unread = detector.obstacle([seen.time_s for seen in person.seen])
    readable = unread is Reason.NONE
    frames = tuple(
        FaceFrameFinding(
            time_s=seen.time_s,
            box=seen.sighting.box,
            fake_probability=verdict.calibrated(logit, rule.calibration) if readable else verdict.EVEN,
            sharpness=seen.sighting.sharpness,
            brightness=seen.sighting.brightness,
            thumbnail=seen.sighting.thumbnail if heatmaps is not None else b"",
            heatmap=heatmaps.get(i) if heatmaps is not None else None,
        )
        for i, (seen, logit) in enumerate(zip(person.seen, person.logits.frames, strict=True))
    )
    ruling = _ruling(person, frames, detector, rule, looked_at, unread=unread)
    return FaceFinding(
        id=number,
        verdict=ruling.verdict,
        reason=ruling.reason,
        fake_probability=ruling.fake_probability,
        evidence=ruling.evidence,
        frames=frames,
    )


def _ruling(
    person: ScoredPerson,
    frames: tuple[FaceFrameFinding, ...],
    detector: Detector,
    rule: Rule,
    looked_at: int,
    *,
    unread: Reason,
) -> verdict.Ruling:
    probability = verdict.calibrated(person.logits.person, rule.calibration)
    if detector.preprocessing.faces == "first_found":  # published files judge whatever they are given
        return verdict.decide(probability, rule.decision)
    drawn = detector.looks_drawn(person.second, picture=rule.picture)
    if rule.picture:
        return verdict.judge_in_picture(probability, frames[0], rule.decision, drawn=drawn)
    return verdict.judge_person(probability, frames, rule.decision, looked_at, unread=unread, drawn=drawn)
