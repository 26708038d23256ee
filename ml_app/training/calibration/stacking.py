"""Fit an ensemble: a logistic regression over its parts' calibrated logits (stacking; Wolpert, 1992).

The parts' scores are those of their reports by `evaluate`, clip by clip as the site judges them. Two numbers
for a few hundred clips overfit easily, and clips of one page are alike: what is told of the ensemble is told
of sources that it was not fitted on, beside what it is on those that it was.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from ml_app.detection.checkpoints.files import read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import BackboneMetadata, Calibration, HeadMetadata, Part
from ml_app.detection.ensemble import ARCHITECTURE, disagree, logit
from ml_app.training.calibration.calibrate import measure
from ml_app.training.calibration.platt import choose_decision
from ml_app.training.evaluation.metrics import Scored, auc, share, with_interval
from ml_app.training.evaluation.table import LabelledClip

Floats = npt.NDArray[np.float64]

FOLDS = 10
LEAST_DISAGREEING = 10  # clips, for a rule about them
STEPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)  # log odds that are tried, the smallest first


@dataclass(frozen=True, slots=True)
class PartReport:
    """A part and its calibrated logits by file; 0 where it could not judge."""

    name: str
    frame_count: int
    head_sha256: str
    logits: Mapping[str, float]


def read_report(name: str, folder: Path) -> PartReport:
    """The report that `evaluate` wrote of a detector.

    Raises:
        ValueError: It is another detector's.
        OSError: It cannot be read.
    """
    about = json.loads((folder / "metrics.json").read_text())["detector"]
    if about["name"] != name:
        raise ValueError(f"{folder} is a report of {about['name']!r}, not of {name!r}.")
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    logits = {
        row["file"]: logit(float(row["fake_probability"])) if row["fake_probability"] else 0.0 for row in rows
    }
    return PartReport(name, about["frame_count"], about["head_sha256"], logits)


def fit_weights(logits: Floats, fakes: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """Weights of the parts, none below zero, and the intercept; both classes weigh alike.

    A part whose weight would be negative, which turns what it says round, is left out: weight zero.
    """
    kept = np.ones(logits.shape[1], dtype=bool)
    while True:
        model = LogisticRegression(class_weight="balanced").fit(logits[:, kept], fakes)
        if (model.coef_[0] > 0).all() or kept.sum() == 1:
            break
        kept[np.flatnonzero(kept)[int(model.coef_[0].argmin())]] = False
    weights = np.zeros(logits.shape[1])
    weights[kept] = np.maximum(model.coef_[0], 0.0)
    return weights, float(model.intercept_[0])


def held_out(logits: Floats, fakes: npt.NDArray[np.bool_], sources: Sequence[str]) -> Floats:
    """Each clip's logit by weights that were fitted on other sources alone."""
    found = np.zeros(len(fakes))
    folds = GroupKFold(min(FOLDS, len(set(sources))))
    for fitted, left_out in folds.split(logits, fakes, groups=list(sources)):
        weights, intercept = fit_weights(logits[fitted], fakes[fitted])
        found[left_out] = logits[left_out] @ weights + intercept
    return found


def gain(
    scores: Floats, other: Floats, fakes: npt.NDArray[np.bool_], sources: Sequence[str]
) -> dict[str, Any]:
    """By how much the AUC of some scores is above that of others, with a 95 % interval over sources."""
    names = sorted(set(sources))
    places = [np.flatnonzero(np.array(sources) == name) for name in names]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(1000):
        chosen = np.concatenate([places[i] for i in rng.integers(len(names), size=len(names))])
        if len(set(fakes[chosen].tolist())) == 2:
            drawn.append(_auc(scores[chosen], fakes[chosen]) - _auc(other[chosen], fakes[chosen]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = _auc(scores, fakes) - _auc(other, fakes)
    return {
        "value": round(value, 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "n": len(names),
    }


def _auc(scores: Floats, fakes: npt.NDArray[np.bool_]) -> float:
    return auc([Scored("", bool(fake), float(score)) for fake, score in zip(fakes, scores, strict=True)])


def choose_disagreement(
    logits: Floats, held: Floats, fakes: npt.NDArray[np.bool_]
) -> tuple[float, dict[str, Any]]:
    """From how clear opposite logits on the ensemble abstains, and what was measured.

    The smallest step at which the ensemble, on sources that it was not fitted on, orders those clips on which
    its parts disagree, ten or more, no better than chance (AUC of a half or less); 0 where there is none.

    Returns:
        The step, and by step the number of such clips with that AUC.
    """
    told: dict[str, Any] = {}
    chosen = 0.0
    for step in STEPS:
        against = np.array([disagree(row.tolist(), step) for row in logits])
        both = len(set(fakes[against].tolist())) == 2
        value = _auc(held[against], fakes[against]) if both else None
        told[f"{step:g}"] = {"value": None if value is None else round(value, 3), "n": int(against.sum())}
        if not chosen and value is not None and value <= 0.5 and against.sum() >= LEAST_DISAGREEING:
            chosen = step
    return chosen, told


def fit_ensemble(
    models_dir: Path,
    name: str,
    clips: Sequence[LabelledClip],
    reports: Sequence[PartReport],
    *,
    version: str = "1",
    fitted_on: str = "dev clips",
) -> dict[int, dict[str, Any]]:
    """Fit an ensemble on clips, and write its files, with every figure, into `models_dir/name`.

    Args:
        models_dir: Where the detectors' folders are, the parts' among them.
        name: Of the ensemble.
        clips: That no part learned from.
        reports: Of the parts, the one whose people and frames are shown first.
        version: Of the ensemble.
        fitted_on: What the clips are, in words.

    Returns:
        The figures by frame count, as `calibrate_detector` does.

    Raises:
        ValueError: A clip has no score or no source, or an installed part is not the measured one.
        CheckpointError: A part is not installed.
    """
    for report in reports:
        installed = open_folder(models_dir, report.name).heads.get(report.frame_count)
        if installed is None or installed.sha256 != report.head_sha256:
            raise ValueError(f"The report of {report.name!r} is of other weights than those installed.")
    head = open_folder(models_dir, reports[0].name).heads[reports[0].frame_count]
    first = read_metadata(head.path, HeadMetadata)
    missing = [
        clip.file for clip in clips if not clip.origin or any(clip.file not in r.logits for r in reports)
    ]
    if missing:
        raise ValueError(f"{len(missing)} clips have no score or no origin, such as {missing[0]}.")
    logits = np.array([[report.logits[clip.file] for report in reports] for clip in clips])
    fakes, sources = np.array([clip.fake for clip in clips]), [clip.origin for clip in clips]
    weights, intercept = fit_weights(logits, fakes)
    weights, intercept = weights.round(4), round(intercept, 4)
    held = held_out(logits, fakes, sources)
    disagreement, told = choose_disagreement(logits, held, fakes)
    calibration = Calibration(1.0, intercept, f"{fitted_on} ({len(clips)})")
    items = _scored(clips, logits @ weights)
    decision = choose_decision(items, calibration)
    metrics = measure(items, calibration, decision)
    against = [disagree(row.tolist(), disagreement) for row in logits]
    metrics |= {
        "split": fitted_on,
        "abstained_for_disagreement": {"value": round(share(against), 3), "n": len(clips)},
        "held_out": {
            "auc": with_interval(_scored(clips, held), auc),
            "gain_over_first_part": gain(held, logits[:, 0], fakes, sources),
        },
        "disagreement": told,
    }
    parts = tuple(
        Part(report.name, report.frame_count, report.head_sha256, float(weight))
        for report, weight in zip(reports, weights, strict=True)
    )
    _write(
        models_dir / name,
        version,
        HeadMetadata(
            name=name,
            version=version,
            architecture=ARCHITECTURE,
            frame_count=reports[0].frame_count,
            backbone_sha256="",
            dimensions={},
            preprocessing=first.preprocessing,
            sampling=first.sampling,
            calibration=calibration,
            decision=decision,
            training_data=f"Nothing but its parts' scores of {fitted_on}",
            metrics=metrics,
            licence=first.licence,
            parts=parts,
            disagreement=disagreement,
        ),
    )
    return {reports[0].frame_count: metrics}


def _write(folder: Path, version: str, head: HeadMetadata) -> None:
    """Its files hold no weights but those of its parts. What stands for a backbone says whose it is."""
    about = BackboneMetadata(
        head.name, version, ARCHITECTURE, head.preprocessing, head.training_data, head.licence
    )
    save_checkpoint(folder / "backbone.safetensors", {}, about)
    head = replace(head, backbone_sha256=sha256_of(folder / "backbone.safetensors"))
    save_checkpoint(folder / f"head-{head.frame_count}.safetensors", {}, head)


def _scored(clips: Sequence[LabelledClip], scores: Floats) -> list[Scored]:
    return [
        Scored(clip.file, clip.fake, float(score), clip.family, clip.generator, clip.pair)
        for clip, score in zip(clips, scores, strict=True)
    ]
