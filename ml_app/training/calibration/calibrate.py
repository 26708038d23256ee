"""Calibrate a detector on clips through the site's own path, and write the figures into its heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import Calibration, Decision, HeadMetadata
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Verdict
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated, decide
from ml_app.training.calibration.platt import choose_decision, fit_calibration
from ml_app.training.calibration.served_faces import serve_clip
from ml_app.training.data.items import Clip
from ml_app.training.data.shards import Face
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
Floats = npt.NDArray[np.float32]
Embeddings = dict[bytes, Floats]  # by the input's bytes


def score_clips(
    detectors: Sequence[Detector],
    clips: Sequence[Clip],
    cache: Path,
    *,
    pool: FacePool | None = None,
    on_done: OnDone = lambda done, total: None,
) -> list[list[Scored]]:
    """Score clips as the site does: each head on a sample of its own, at the frame count it was loaded for.

    Args:
        detectors: Heads of one backbone.
        clips: Which.
        cache: For served crops.
        pool: Where faces are looked for; by default that of this process.
        on_done: Told how many clips are scored.

    Returns:
        For each head, the logit of each clip's most suspicious person; clips without one are left out.
    """
    scored: list[list[Scored]] = [[] for _ in detectors]
    for done, clip in enumerate(clips, start=1):
        known: Embeddings = {}
        for detector, found in zip(detectors, scored, strict=True):
            served = serve_clip(clip.path, detector, cache, pool).persons
            persons = [person for person in served if detector.can_judge(person.times.tolist())]
            if persons:
                people = [_embed(detector, person.inputs, known) for person in persons]
                times = [person.times.tolist() for person in persons]
                second = detector.look_again([list(person.inputs) for person in persons])
                scores = detector.score_embeddings(people, times, second=second)
                found.append(_scored(clip.face, max(score.person for score in scores)))
        on_done(done, len(clips))
    return scored


def _embed(detector: Detector, inputs: npt.NDArray[Any], known: Embeddings) -> Floats:
    """Embed inputs. What two samples of one clip show alike, above all of short ones, is embedded once."""
    keys = [one.tobytes() for one in inputs]
    fresh = {key: one for key, one in zip(keys, inputs, strict=True) if key not in known}
    if fresh:
        known.update(zip(fresh, detector.embed(list(fresh.values())), strict=True))
    return np.stack([known[key] for key in keys])


def _scored(face: Face, score: float) -> Scored:
    return Scored(face.source, face.fake, score, face.family, face.generator, face.pair)


def calibrate_detector(
    models_dir: Path,
    name: str,
    clips: Sequence[Clip],
    cache: Path,
    *,
    frame_counts: Sequence[int] | None = None,
    fitted_on: str = "dev clips",
    on_done: OnDone = lambda done, total: None,
) -> dict[int, dict[str, Any]]:
    """Fit calibration and decision of heads on clips, and write them with the measured figures.

    Args:
        models_dir: Where the detectors' folders are.
        name: The detector's.
        clips: That nothing was trained on.
        cache: For served crops.
        frame_counts: Of the heads; None takes all. Files of the others are not touched.
        fitted_on: What the clips are, in words.
        on_done: Told how many clips are scored.

    Returns:
        The figures by frame count, as they stand in the heads' metadata.

    Raises:
        ValueError: There is no head for one of `frame_counts`.
    """
    every = open_folder(models_dir, name).heads
    if unknown := set(frame_counts or ()) - set(every):
        there = ", ".join(map(str, every))
        raise ValueError(f"{name} has no head for {min(unknown)} frames; it has some for {there}")
    heads = {
        frames: pinned for frames, pinned in every.items() if frame_counts is None or frames in frame_counts
    }
    detectors = [Detector.load(models_dir, name, frames) for frames in heads]
    scored = score_clips(detectors, clips, cache, on_done=on_done)
    found = {}
    for (frames, pinned), items in zip(heads.items(), scored, strict=True):
        calibration = fit_calibration(items, f"{fitted_on} ({len(items)})")
        decision = choose_decision(items, calibration)
        metrics = measure(items, calibration, decision)
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


def measure(items: Sequence[Scored], calibration: Calibration, decision: Decision) -> dict[str, Any]:
    """Every figure of clips or pictures by their logits; see `figures`."""
    judged = [replace(item, score=calibrated(item.score, calibration)) for item in items]
    return figures(judged, decision) | _reliability(judged)


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
