"""Judge clips by `detection.analyse` and nothing else, so that what is measured is what the site says."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.ensemble import Ensemble
from ml_app.detection.errors import DetectionError, VideoError
from ml_app.detection.faces.pool.process_pool import FacePool, shared_pool
from ml_app.detection.findings import Verdict
from ml_app.detection.hardware import usable_cores
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.training.evaluation.cache import Cache
from ml_app.training.evaluation.table import LabelledClip
from ml_app.training.evaluation.variants import Variant, VariantFailed, varied

logger = logging.getLogger(__name__)
AnyDetector = Detector | Ensemble
CORES_A_CLIP = 4  # decoding, faces and network of one clip keep about so many busy


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the detector said of one clip."""

    verdict: str  # of `findings.Verdict`
    reason: str  # of `findings.Reason`, or the code of an error
    probability: float | None  # calibrated, 0..1; None where nothing could be judged
    frames: int = 0  # looked at
    notes: tuple[str, ...] = ()

    @property
    def analysable(self) -> bool:
        """Whether there is a score."""
        return self.probability is not None


@dataclass(frozen=True, slots=True)
class JudgedClip:
    """A labelled clip and what was said of it."""

    clip: LabelledClip
    judgement: Judgement


class Judge:
    """A detector with its cache. Safe to use from several threads: the network takes one clip at a time."""

    def __init__(
        self, detector: AnyDetector, frames: int, cache: Cache, pool: FacePool | None = None
    ) -> None:
        """`pool`: where faces are looked for; by default that of this process."""
        self.detector, self.frames, self.cache = detector, frames, cache
        self._shared = _in_turns(detector)
        self._pool = pool or shared_pool()

    def __call__(self, clip: LabelledClip, variant: Variant | None = None) -> JudgedClip:
        """Judge a clip, or a variant of it. Never raises for the clip's sake."""
        try:
            judgement = self._judge(clip.path, variant)
        except DetectionError as error:
            judgement = _refused(error.code)
        except VariantFailed as error:
            logger.warning("%s, %s: %s", clip.file, variant.name if variant else "", error)
            judgement = _refused("variant_failed")
        except Exception:
            # One clip must not cost the hours that went into the others; the log and the count tell of it.
            logger.exception("%s could not be judged", clip.file)
            judgement = _refused("internal_error")
        return JudgedClip(clip, judgement)

    def _judge(self, path: Path, variant: Variant | None) -> Judgement:
        if not path.exists():
            raise VideoError("not_found", "There is no such file.")
        if not path.is_file():
            return self._analyse(path)  # which says why not
        key = (sha256_of(path), variant.identity if variant else "")
        known = self.cache.get(*key)
        if known is None:
            if variant is None:
                judgement = self._analyse(path)
            else:
                with varied(path, variant) as file:
                    judgement = self._analyse(file)
            known = asdict(judgement)
            self.cache.put(known, *key)
        return Judgement(**known | {"notes": tuple(known["notes"])})

    def _analyse(self, path: Path) -> Judgement:
        findings = analyse(path, self._shared, frames=self.frames, pool=self._pool)
        return Judgement(
            str(findings.verdict),
            str(findings.reason),
            findings.fake_probability,
            findings.frames_analysed,
            findings.notes,
        )


def judge_clips(
    judge: Judge, clips: Sequence[LabelledClip], *, variant: Variant | None = None, jobs: int | None = None
) -> Iterator[JudgedClip]:
    """Judge many clips, in their order.

    Args:
        judge: The detector.
        clips: Which.
        variant: What to do to each before.
        jobs: How many at the same time; by default one for every four cores.
    """
    with ThreadPoolExecutor(jobs or max(1, usable_cores() // CORES_A_CLIP), "clips") as executor:
        futures: list[Future[JudgedClip]] = [executor.submit(judge, clip, variant) for clip in clips]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _refused(code: str) -> Judgement:
    return Judgement(str(Verdict.NOT_ANALYSABLE), code, None)


RUNNING = {"embed", "look_again", "score_embeddings", "activations", "odd_points"}  # what uses the network


class _InTurns:
    """A detector whose network is used by one thread at a time."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._lock = detector, threading.Lock()

    def ready(self) -> _InTurns:
        """This one, and not what it guards: whoever analyses asks for it before each use of the network."""
        return self

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._detector, name)
        return self._alone(value) if name in RUNNING else value

    def _alone(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                return method(*arguments, **options)

        return call


def _in_turns(detector: AnyDetector) -> AnyDetector:
    """The same detector for several threads; of an ensemble, each part waits for itself alone."""
    if isinstance(detector, Ensemble):
        parts = [cast(Detector, _InTurns(part.ready())) for part in detector.parts]
        return Ensemble(detector.metadata, detector.info.sha256, detector.frames, parts)
    return cast(Detector, _InTurns(detector))
