"""Further detectors on the people that a scan has found: their opinions, beside its own finding.

The faces are searched, followed and cut out once. Which frames a detector reads belongs to its checkpoint:
frames that another has not read already are decoded and searched besides, in the same open video, after the
scan's own. So a scan's own finding is the same whoever else is asked.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_app.detection import verdict
from ml_app.detection.faces.inputs import input_of
from ml_app.detection.faces.people import People
from ml_app.detection.faces.track import Seen
from ml_app.detection.findings import Evidence, FaceFinding, Kind, Opinion, Reason, Verdict, VideoInfo
from ml_app.detection.judging import judge, rule_of, score
from ml_app.detection.runtime.embedding import Embedder
from ml_app.detection.runtime.loading import Loadable
from ml_app.detection.video.sampling import sample_times

if TYPE_CHECKING:
    from ml_app.detection.runtime.detector import Detector

_ROUNDING_S = 1e-6


def further_times(
    detector: Loadable, others: Sequence[Loadable], frames: int, video: VideoInfo
) -> tuple[float, ...]:
    """Moments that others read and the detector itself does not, rising."""
    wanted = {
        time_s
        for other in others
        if other.sampling != detector.sampling
        for time_s in sample_times(other.sampling, frames, video.duration_s, video.frame_rate)
    }
    return tuple(sorted(wanted))


@dataclass(frozen=True, slots=True)
class Shared:
    """What a scan hands to further detectors."""

    people: People
    video: VideoInfo
    frames: int  # asked for


def opinion(
    shared: Shared,
    main: Loadable,
    other: Loadable,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> Opinion:
    """What another detector says of the same people.

    Args:
        shared: What the scan has found.
        main: The scan's own detector.
        other: The one that is asked.
        on_done: Told how many faces of how many are read.

    Raises:
        CheckpointError: The detector cannot be loaded.
        DetectionError: Its network failed for a known reason.
    """
    began = time.monotonic()
    detector = other.ready()
    rule = rule_of(shared.video.kind, detector)
    if rule is None:
        return _nothing(detector, Reason.PICTURES_NOT_MEASURED)
    own = _own_times(shared, main, detector)
    persons = [
        tuple(seen for seen in person if own is None or seen.time_s in own)
        for person in (shared.people.persons if own is None else shared.people.together)
    ]
    looked_at = shared.people.frames_looked_at if own is None else len(own)
    present = [number for number, person in enumerate(persons) if person]
    with Embedder(detector) as embedder:
        for number in present:
            embedder.add([input_of(seen.sighting, detector.preprocessing) for seen in persons[number]])
        embeddings = embedder.finish(lambda done: on_done(done, embedder.count))
    mine = detector.pick(embeddings, _places([persons[number] for number in present]))
    scored = score([persons[number] for number in present], mine, detector)
    found = {
        number: judge(number + 1, person, detector, rule, looked_at=looked_at)
        for number, person in zip(present, scored, strict=True)
    }
    faces = tuple(found.get(number) or _unseen(number + 1) for number in range(len(persons)))
    ruling = verdict.judge_video(faces)
    return replace(
        _nothing(detector, ruling.reason),
        verdict=ruling.verdict,
        fake_probability=ruling.fake_probability,
        evidence=ruling.evidence,
        threshold=rule.decision.threshold,
        uncertain_band=(rule.decision.uncertain_low, rule.decision.uncertain_high),
        frames_analysed=looked_at,
        faces=faces,
        notes=() if rule.picture else detector.notes,
        seconds=time.monotonic() - began,
    )


def _own_times(shared: Shared, main: Loadable, detector: Detector) -> frozenset[float] | None:
    """When the frames are shown that are the detector's own; None where they are the scan's."""
    if detector.sampling == main.sampling or shared.video.kind is Kind.PICTURE:
        return None
    times, video = shared.people.times, shared.video
    asked = sample_times(detector.sampling, shared.frames, video.duration_s, video.frame_rate)
    return frozenset(times[max(0, bisect_right(times, at + _ROUNDING_S) - 1)] for at in asked if times)


def _places(people: Sequence[tuple[Seen, ...]]) -> list[list[int]]:
    places, first = [], 0
    for person in people:
        places.append(list(range(first, first + len(person))))
        first += len(person)
    return places


def _unseen(number: int) -> FaceFinding:
    none = verdict.Ruling(Verdict.NOT_ANALYSABLE, Reason.TOO_FEW_FRAMES)
    return FaceFinding(number, none.verdict, none.reason, None, none.evidence, ())


def _nothing(detector: Detector, reason: Reason) -> Opinion:
    return Opinion(
        detector=detector.info,
        verdict=Verdict.NOT_ANALYSABLE,
        reason=reason,
        fake_probability=None,
        evidence=Evidence.NONE,
        threshold=None,
        uncertain_band=None,
        frames_analysed=0,
        faces=(),
    )
