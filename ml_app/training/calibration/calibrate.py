"""Calibrate a detector on clips through the site's own path, and write the figures into its heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection import verdict
from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import Calibration, Decision, HeadMetadata
from ml_app.detection.findings import Verdict
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated, decide
from ml_app.training.calibration.platt import choose_decision, fit_calibration
from ml_app.training.calibration.served_faces import ServedClip, sample_of, serve_clips
from ml_app.training.data.augmentation import centre
from ml_app.training.data.items import Clip
from ml_app.training.data.shards import Face, read_shards
from ml_app.training.evaluation.figures import Bootstrap
from ml_app.training.evaluation.metrics import (
    Scored,
    auc,
    by_family,
    pair_figure,
    share,
    with_interval,
)
from ml_app.training.evaluation.reliability import calibration, reliability_bins

OnDone = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EmbeddedClip:
    """A clip's people, embedded: for each, positions in the sample, seconds, and float32 (T, channels)."""

    face: Face
    looked_at: int
    persons: tuple[tuple[list[int], list[float], npt.NDArray[np.float32]], ...]
    error: str


def embed_served(
    detector: Detector, clips: Sequence[Clip], cache: Path, on_done: OnDone = lambda done, total: None
) -> list[EmbeddedClip]:
    """Find, cut and embed the people of clips as serving does at 100 frames."""
    served = serve_clips([clip.path for clip in clips], detector.preprocessing, cache, on_done)
    return [_embed(detector, clip.face, found) for clip, found in zip(clips, served, strict=True)]


def _embed(detector: Detector, face: Face, found: ServedClip) -> EmbeddedClip:
    persons = tuple(
        (person.frames.tolist(), person.times.tolist(), detector.embed(list(person.crops)))
        for person in found.persons
    )
    return EmbeddedClip(face, found.looked_at, persons, found.error)


def score_clips(detector: Detector, clips: Sequence[EmbeddedClip], frames: int) -> list[Scored]:
    """The logit of each clip's most suspicious person at a frame count; clips without one are left out."""
    scored = []
    for clip in clips:
        wanted = set(sample_of(clip.looked_at, frames))
        people, times = [], []
        for positions, seconds, embeddings in clip.persons:
            kept = [i for i, position in enumerate(positions) if position in wanted]
            if len(kept) >= _least(clip.looked_at, frames):
                people.append(embeddings[kept])
                times.append([seconds[i] for i in kept])
        scores = detector.score_embeddings(people, times)
        if scores:
            worst = max(score.person for score in scores)
            face = clip.face
            scored.append(Scored(face.source, face.fake, worst, face.family, face.generator, face.pair))
    return scored


def _least(looked_at: int, frames: int) -> float:
    """In how many frames serving wants to see a person; one picture is enough where there is but one."""
    return min(looked_at, max(verdict.MIN_FRAMES, verdict.MIN_SHARE * min(frames, looked_at)))


def embed_pictures(detector: Detector, folders: Sequence[Path]) -> list[EmbeddedClip]:
    """Prepared picture pairs, each embedded as a clip of one person and one frame."""
    embedded: list[EmbeddedClip] = []
    shown = detector.preprocessing
    for shard in (shard for folder in folders for shard in read_shards(folder)):
        chosen = [i for i, face in enumerate(shard.faces) if face.pair]
        if not chosen or len({face.source for face in shard.faces}) == 1:
            continue
        crops = [centre(shard.images[i], shown.margin, shown.image_size, shard.margin) for i in chosen]
        rows = detector.embed(crops)
        embedded += [
            EmbeddedClip(shard.faces[i], 1, (([0], [0.0], row[None]),), "")
            for i, row in zip(chosen, rows, strict=True)
        ]
    return embedded


def calibrate_detector(
    models_dir: Path,
    name: str,
    clips: Sequence[Clip],
    cache: Path,
    *,
    pictures: Sequence[Path] = (),
    fitted_on: str = "dev clips",
    on_done: OnDone = lambda done, total: None,
) -> dict[int, dict[str, Any]]:
    """Fit calibration and decision of every head on clips, and write them with the measured figures.

    Args:
        models_dir: Where the detectors' folders are.
        name: The detector's.
        clips: That nothing was trained on.
        cache: For served crops.
        pictures: Prepared folders with picture pairs to measure on as well.
        fitted_on: What the clips are, in words.
        on_done: Told how many clips are served.

    Returns:
        The figures by frame count, as they stand in the heads' metadata.
    """
    folder = open_folder(models_dir, name)
    first = Detector.load(models_dir, name, max(folder.heads))
    embedded = embed_served(first, clips, cache, on_done)
    embedded_pictures = embed_pictures(first, pictures)
    found = {}
    for frames, pinned in folder.heads.items():
        detector = Detector.load(models_dir, name, frames)
        items = score_clips(detector, embedded, frames)
        calibration = fit_calibration(items, f"{fitted_on} ({len(items)})")
        decision = choose_decision(items, calibration)
        metrics = _measure(items, score_clips(detector, embedded_pictures, 1), calibration, decision)
        metrics |= {"split": fitted_on, "not_analysable": len(clips) - len(items)}
        metadata = replace(
            read_metadata(pinned.path, HeadMetadata),
            calibration=calibration,
            decision=decision,
            metrics=metrics,
        )
        save_checkpoint(pinned.path, load_tensors(pinned), metadata)
        found[frames] = metrics
    return found


def _measure(
    items: Sequence[Scored], pictures: Sequence[Scored], calibration: Calibration, decision: Decision
) -> dict[str, Any]:
    judged = [replace(item, score=calibrated(item.score, calibration)) for item in items]
    metrics = figures(judged, decision) | _reliability(judged)
    if pictures:
        metrics["picture_pairs"] = {
            "auc": with_interval(pictures, auc),
            "pair_accuracy": pair_figure(pictures),
        }
    return metrics


def _reliability(items: Sequence[Scored]) -> dict[str, Any]:
    """Whether the probabilities are right; the bins are what the Models page draws."""
    labels = np.array([item.fake for item in items], dtype=np.bool_)
    probabilities = np.array([item.score for item in items], dtype=np.float64)
    found = calibration(labels, probabilities, Bootstrap())
    return {
        "ece": found["expected_calibration_error"],
        "brier": found["brier_score"],
        "reliability": reliability_bins(labels, probabilities),
    }


def figures(items: Sequence[Scored], decision: Decision) -> dict[str, Any]:
    """What is measured on clips, each figure with its 95 % bootstrap interval.

    Args:
        items: Scores are calibrated probabilities.
        decision: When they become verdicts.
    """

    def called(verdict: Verdict, of: bool | None, scored: Sequence[Scored]) -> float:
        chosen = [item for item in scored if of is None or item.fake is of]
        return share(decide(item.score, decision).verdict is verdict for item in chosen)

    def rate(verdict: Verdict, of: bool) -> dict[str, Any]:
        # `n` is that of the one class; the other has no part in the rate.
        return with_interval(items, partial(called, verdict, of)) | {"n": sum(i.fake is of for i in items)}

    return {
        "auc": with_interval(items, auc),
        "pair_accuracy": pair_figure(items),
        "false_positive_rate": rate(Verdict.FAKE, False),
        "true_positive_rate": rate(Verdict.FAKE, True),
        "fakes_called_real": rate(Verdict.REAL, True),
        "uncertain": with_interval(items, partial(called, Verdict.UNCERTAIN, None)),
        "families": {
            family: {"auc": with_interval(members, auc)} for family, members in by_family(items).items()
        },
    }
