"""One video or picture, from file to findings. Imports no torch: the caller hands in a loaded detector."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ml_app.detection import explain, verdict
from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.checkpoints.sharing import shared_cut
from ml_app.detection.ensemble import Ensemble
from ml_app.detection.errors import Cancelled
from ml_app.detection.faces.finder import USUAL, FinderName
from ml_app.detection.faces.frame_faces import FrameFaces, Sighting
from ml_app.detection.faces.inputs import input_of
from ml_app.detection.faces.people import Footage, Further, People, find_people
from ml_app.detection.faces.pool.process_pool import FacePool, shared_pool
from ml_app.detection.findings import (
    FaceFinding,
    Findings,
    Kind,
    Limits,
    Opinion,
    Progress,
    Reason,
    Seconds,
    Stage,
    Verdict,
    VideoInfo,
)
from ml_app.detection.judging import ScoredPerson, judge, rule_of, score
from ml_app.detection.opinions import Shared, further_times, opinion
from ml_app.detection.runtime.embedding import Embedder
from ml_app.detection.runtime.loading import Loadable
from ml_app.detection.verdict import Rule
from ml_app.detection.video.opening import Video, open_video, turned

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ml_app.detection.runtime.detector import Detector

MAX_SIDE = 1920  # of a decoded frame, pixels; a face is cut from it at its full resolution up to here
MAX_PICTURE_SIDE = 4096  # of a picture
OnProgress = Callable[[Progress], None]


def analyse(
    path: Path,
    detector: Loadable | Ensemble,
    *,
    frames: int,
    others: Sequence[Loadable] = (),
    limits: Limits | None = None,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    pool: FacePool | None = None,
    found_by: FinderName = USUAL,
) -> Findings:
    """Analyse one video, or one picture, for which the head of the fewest frames is to be loaded.

    Args:
        path: The file, of whatever name.
        detector: Loaded for this number of frames, or still being loaded.
        frames: How many frames to sample; of a picture there is one.
        others: Detectors that are asked as well, of the same people; they change nothing of the finding.
        limits: What the video may cost.
        on_progress: Called as each stage advances.
        cancelled: Asked often, in every stage.
        pool: Where faces are looked for; by default the one of this process.
        found_by: Who finds the faces, where the checkpoint follows people; published ones have HOG's.

    Raises:
        VideoError: The file cannot be analysed; its code and message say why.
        Cancelled: `cancelled` said so.
        CheckpointError: A detector cannot be loaded, or those that are asked together cut faces differently.
        DetectionError: Something else failed for a known reason.
    """
    if isinstance(detector, Ensemble):
        found = analyse(
            path,
            detector.parts[0],
            frames=frames,
            others=detector.asked(others),
            limits=limits,
            on_progress=on_progress,
            cancelled=cancelled,
            pool=pool,
            found_by=found_by,
        )
        return detector.combined(found)
    run = _Run(on_progress or (lambda progress: None), cancelled or (lambda: False))
    run.report(Stage.PROBE, 0, 1)
    sightings: list[Sighting] = []

    def keep(faces: FrameFaces) -> None:
        sightings.extend(faces.sightings)
        embedder.add([input_of(sighting, detector.preprocessing) for sighting in faces.sightings])

    look = _Look(path, detector, tuple(others), frames, limits, pool, found_by, run)
    watch = partial(_watch, look, keep=keep)
    with Embedder(detector) as embedder:
        watched = _upright(watch)
        people = watched.people
        run.ends("faces")
        embeddings = embedder.finish(lambda done: run.report(Stage.NETWORK, done, embedder.count))
    loaded = detector.ready()
    scored = _score(people, sightings, embeddings, loaded)
    run.ends("network")
    rule = rule_of(watched.info.kind, loaded)
    faces = _explained(scored, look, loaded, rule, people.frames_looked_at)
    run.ends("explain")
    opinions = _opinions(watched, look)
    run.ends("opinions")
    of_detector = () if rule is None or rule.picture else loaded.notes
    return replace(
        _findings(watched, loaded, rule, frames, tuple(faces)),
        notes=(*dict.fromkeys((*watched.notes, *people.notes, *of_detector)),),
        seconds=Seconds(total=run.total(), decode=watched.decode_seconds, **run.seconds),
        opinions=opinions,
    )


def _explained(
    scored: Sequence[ScoredPerson], look: _Look, detector: Detector, rule: Rule | None, looked_at: int
) -> list[FaceFinding]:
    faces = []
    for number, person in enumerate(scored):
        assert rule  # noqa: S101 - for mypy: nobody was looked for without one
        look.run.report(Stage.EXPLAIN, number, len(scored))
        heatmaps = explain.heatmaps(
            detector, person.seen, person.logits.frames, person.embeddings, margin=look.cut.margin
        )
        faces.append(judge(number + 1, person, detector, rule, looked_at=looked_at, heatmaps=heatmaps))
    look.run.report(Stage.EXPLAIN, len(scored), len(scored))
    return faces


def _opinions(watched: _Watched, look: _Look) -> tuple[Opinion, ...]:
    shared = Shared(watched.people, watched.info, look.frames)

    def show(done: int, total: int) -> None:
        look.run.report(Stage.NETWORK, done, total)

    return tuple(opinion(shared, look.detector, other, show) for other in look.others)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A video or picture and who was found in it."""

    people: People
    info: VideoInfo
    decode_seconds: float
    notes: tuple[str, ...]


def people_of(path: Path, detector: Loadable, *, frames: int, pool: FacePool | None = None) -> People:
    """The people of a video just as `analyse` finds and cuts them: what a detector is calibrated on.

    Args:
        path: The file, of whatever name.
        detector: Whose sampling and preprocessing.
        frames: How many frames to sample.
        pool: Where faces are looked for; by default the one of this process.

    Raises:
        VideoError: The file cannot be analysed.
        DetectionError: Something else failed for a known reason.
    """
    run = _Run(lambda progress: None, lambda: False)
    look = _Look(path, detector, (), frames, None, pool, USUAL, run)
    return _upright(partial(_watch, look, keep=lambda faces: None)).people


def _upright(watch: Callable[..., _Watched]) -> _Watched:
    """Watch, and once more, turned, where the people lie on their side."""
    watched = watch()
    if turn := watched.people.turn:
        upright = watch(turn=turn, notes=(f"turned:{turn}",), seconds=watched.decode_seconds)
        return upright if upright.people.persons else watched
    return watched


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be looked at, and how."""

    path: Path
    detector: Loadable
    others: tuple[Loadable, ...]
    frames: int
    limits: Limits | None
    pool: FacePool | None
    found_by: FinderName
    run: _Run

    @property
    def cut(self) -> Preprocessing:
        """How faces are cut for all detectors."""
        return shared_cut([one.preprocessing for one in (self.detector, *self.others)])


def _watch(
    look: _Look,
    *,
    keep: Callable[[FrameFaces], None],
    turn: int = 0,
    notes: tuple[str, ...] = (),
    seconds: float = 0.0,
) -> _Watched:
    """Decode a sample and find the people in it. Nobody is looked for where nobody could be judged.

    Args:
        turn: Degrees clockwise by which every frame is turned first.
        notes, seconds: What is added to those of the decoding.
    """
    detector, run, frames = look.detector, look.run, look.frames
    followed = look.cut.faces == "followed"  # published files want full size
    with open_video(look.path, look.limits or Limits()) as video:
        run.report(Stage.PROBE, 1, 1)
        is_picture = video.info.kind is Kind.PICTURE
        if is_picture and detector.pictures is None:
            return _Watched(People((), 0, 0, ()), video.info, video.decode_seconds, ())
        frames = 1 if is_picture else frames
        max_side = (MAX_PICTURE_SIDE if is_picture else MAX_SIDE) if followed else None
        more = followed and not is_picture and detector.sampling.pattern == "even"
        footage = _footage(video, max_side, turn)
        others = () if is_picture else further_times(detector, look.others, frames, video.info)
        run.report(Stage.FACES, 0, frames)
        people = find_people(
            turned(video.frames(detector.sampling, frames, max_side), turn),
            look.cut,
            look.pool or shared_pool(),
            count=frames,
            footage=footage if more else None,
            further=Further(footage.frames_at, others) if others else None,
            found_by=look.found_by,
            on_frame=lambda done, total: run.report(Stage.FACES, done, total),
            on_faces=keep,
            cancelled=run.cancelled,
        )
        return _Watched(people, video.info, seconds + video.decode_seconds, (*video.notes, *notes))


def _footage(video: Video, max_side: int | None, turn: int) -> Footage:
    return Footage(
        lambda times: turned(video.frames_at(times, max_side), turn),
        video.info.duration_s,
        video.info.frame_rate,
    )


def _score(
    people: People,
    sightings: Sequence[Sighting],
    embeddings: Sequence[npt.NDArray[np.float32]],
    detector: Detector,
) -> list[ScoredPerson]:
    """`embeddings`: of all sightings, also of those that are no person's."""
    places = {id(sighting): place for place, sighting in enumerate(sightings)}
    mine = detector.pick(
        embeddings, [[places[id(seen.sighting)] for seen in person] for person in people.persons]
    )
    return score(people.persons, mine, detector)


def _findings(
    watched: _Watched, detector: Detector, rule: Rule | None, frames: int, faces: tuple[FaceFinding, ...]
) -> Findings:
    info, people = watched.info, watched.people
    ruling = verdict.judge_video(faces)
    if rule is None:
        ruling = verdict.Ruling(Verdict.NOT_ANALYSABLE, Reason.PICTURES_NOT_MEASURED)
    decision = rule.decision if rule else None
    return Findings(
        video=info,
        detector=detector.info,
        verdict=ruling.verdict,
        reason=ruling.reason,
        fake_probability=ruling.fake_probability,
        evidence=ruling.evidence,
        threshold=decision.threshold if decision else None,
        uncertain_band=(decision.uncertain_low, decision.uncertain_high) if decision else None,
        frames_requested=1 if info.kind is Kind.PICTURE else frames,
        frames_analysed=people.frames_looked_at,
        frames_with_faces=people.frames_with_faces,
        faces=faces,
        device=detector.device,
    )


class _Run:
    """Progress, cancellation and the clock of one analysis."""

    def __init__(self, on_progress: OnProgress, cancelled: Callable[[], bool]) -> None:
        self._on_progress, self.cancelled = on_progress, cancelled
        self._start = self._stage_start = time.monotonic()
        self.seconds: dict[str, float] = {}

    def report(self, stage: Stage, done: int, total: int) -> None:
        if self.cancelled():
            raise Cancelled
        self._on_progress(Progress(stage, done, total))

    def ends(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage], self._stage_start = now - self._stage_start, now

    def total(self) -> float:
        return time.monotonic() - self._start
