"""Measure and calibrate a detector on clips through the site's own path, and write the figures into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ml_app.detection.checkpoints import (
    HeadMetadata,
    load_tensors,
    open_folder,
    read_metadata,
    save_checkpoint,
)
from ml_app.detection.detector import Detector
from ml_app.training.augment import centre
from ml_app.training.calibrate import choose_decision, fit_calibration
from ml_app.training.metrics import (
    Scored,
    auc,
    by_family,
    pair_figure,
    share_above,
    with_interval,
)
from ml_app.training.prepare import Clip
from ml_app.training.serving import ServedClip, sample_of, serve_clips
from ml_app.training.store import Face, read_shards

OnDone = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EmbeddedClip:
    """A clip's people, embedded: for each, their positions in the sample and float32 (T, channels)."""

    face: Face
    looked_at: int
    persons: tuple[tuple[list[int], Tensor], ...]
    error: str


def embed_served(
    detector: Detector, clips: Sequence[Clip], cache: Path, on_done: OnDone = lambda done, total: None
) -> list[EmbeddedClip]:
    """Find, cut and embed the people of clips as serving does at 100 frames."""
    served = serve_clips([clip.path for clip in clips], detector.preprocessing, cache, on_done)
    return [_embed(detector, clip.face, found) for clip, found in zip(clips, served, strict=True)]


def _embed(detector: Detector, face: Face, found: ServedClip) -> EmbeddedClip:
    persons = tuple(
        (person.frames.tolist(), detector.embed(list(person.crops)).cpu()) for person in found.persons
    )
    return EmbeddedClip(face, found.looked_at, persons, found.error)


def score_clips(detector: Detector, clips: Sequence[EmbeddedClip], frames: int) -> list[Scored]:
    """The logit of each clip's most suspicious person at a frame count; clips without one are left out."""
    scored = []
    for clip in clips:
        wanted = set(sample_of(clip.looked_at, frames))
        people = []
        for positions, embeddings in clip.persons:
            kept = [i for i, position in enumerate(positions) if position in wanted]
            if kept:
                people.append(embeddings[kept].to(detector.device))
        scores = detector.score_embeddings(people)
        if scores:
            worst = max(score.person for score in scores)
            face = clip.face
            scored.append(Scored(face.source, face.fake, worst, face.family, face.generator, face.pair))
    return scored


def score_pictures(detector: Detector, folders: Sequence[Path], margin: float) -> list[Scored]:
    """Prepared picture pairs, each scored as a sequence of one frame."""
    scored: list[Scored] = []
    for shard in (shard for folder in folders for shard in read_shards(folder)):
        chosen = [i for i, face in enumerate(shard.faces) if face.pair]
        if not chosen or len({face.source for face in shard.faces}) == 1:
            continue
        crops = [centre(shard.images[i], margin, detector.preprocessing.image_size) for i in chosen]
        embeddings = detector.embed(crops)
        scores = detector.score_embeddings([row[None] for row in embeddings])
        for index, score in zip(chosen, scores, strict=True):
            face = shard.faces[index]
            scored.append(
                Scored(face.source, face.fake, score.person, face.family, face.generator, face.pair)
            )
    return scored


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
    found = {}
    for frames, pinned in folder.heads.items():
        detector = Detector.load(models_dir, name, frames)
        items = score_clips(detector, embedded, frames)
        calibration = fit_calibration(items, f"{fitted_on} ({len(items)})")
        decision = choose_decision(items, calibration)
        threshold_logit = _logit_at(decision.threshold, calibration.slope, calibration.intercept)
        metrics: dict[str, Any] = {"split": fitted_on, "clips": figures(items, threshold_logit)}
        metrics["clips"]["not_analysable"] = len(clips) - len(items)
        if pictures:
            on_pictures = score_pictures(detector, pictures, detector.preprocessing.margin)
            metrics["picture_pairs"] = {
                "auc": with_interval(on_pictures, auc),
                "pair_accuracy": pair_figure(on_pictures),
            }
        metadata = replace(
            read_metadata(pinned.path, HeadMetadata),
            calibration=calibration,
            decision=decision,
            metrics=metrics,
        )
        save_checkpoint(pinned.path, load_tensors(pinned), metadata)
        found[frames] = metrics
    return found


def figures(items: Sequence[Scored], threshold: float) -> dict[str, Any]:
    """AUC, pair accuracy, error rates at a threshold, and AUC by family, with 95 % bootstrap intervals."""
    return {
        "auc": with_interval(items, auc),
        "pair_accuracy": pair_figure(items),
        "genuine_above_threshold": with_interval(
            items, partial(share_above, threshold=threshold, fake=False)
        ),
        "fakes_above_threshold": with_interval(items, partial(share_above, threshold=threshold, fake=True)),
        "families": {family: with_interval(members, auc) for family, members in by_family(items).items()},
    }


def _logit_at(probability: float, slope: float, intercept: float) -> float:
    odds = torch.logit(torch.tensor(probability, dtype=torch.float64))
    return float((odds - intercept) / slope)
