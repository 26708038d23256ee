"""From judged clips to `metrics.json` and `scores.csv`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from ml_app.detection.findings import Verdict
from ml_app.training.evaluation.figures import Bootstrap, Flags, Floats, auc_change, figures, roc
from ml_app.training.evaluation.held_out import held_out_rates
from ml_app.training.evaluation.judging import JudgedClip
from ml_app.training.evaluation.metrics import Scored, pair_figure
from ml_app.training.evaluation.reliability import calibration, wilson_share
from ml_app.training.evaluation.variants import Variant

COLUMNS = ("file", "label", "family", "generator_or_corpus", "pair", "fake_probability", "verdict", "reason")
MISSING = (
    "Clips that could not be analysed have no score. They are left out of every figure that needs one, "
    "and counted here and in the abstentions."
)


def results(judged: Sequence[JudgedClip], threshold: float, bootstrap: Bootstrap) -> dict[str, Any]:
    """Everything that is told of a set of judged clips.

    Families and generators are each set against all genuine clips.

    Args:
        judged: All clips, also those without a score.
        threshold: The detector's.
        bootstrap: Over clips; over pairs for pair accuracy.
    """
    labels, scores = arrays(judged)
    return {
        "overall": figures(labels, scores, threshold, bootstrap) | _counts(judged),
        "pair_accuracy": pair_figure(_scored(judged), bootstrap.seed, bootstrap.resamples),
        "families": _against_genuine(judged, "family", threshold, bootstrap),
        "generators": _against_genuine(judged, "generator", threshold, bootstrap),
        "corpora": _corpora(judged, threshold),
        "held_out_threshold": held_out_rates(
            labels.tolist(),
            scores.tolist(),
            [item.clip.origin for item in judged if item.judgement.analysable],
            bootstrap.seed,
        ),
        "abstentions": abstentions(judged, bootstrap),
        "not_analysable": _not_analysable(judged),
        "calibration": calibration(labels, scores, bootstrap),
        "confusion": _confusion(labels, scores, threshold),
        "verdicts": _verdicts(judged),
        "mistakes": _mistakes(judged),
        "curves": {"roc": _curve(labels, scores), "families": _family_curves(judged)},
    }


def arrays(judged: Sequence[JudgedClip]) -> tuple[Flags, Floats]:
    """Labels (n,), true for manipulated, and probabilities (n,) of the clips that have a score."""
    scored = [item for item in judged if item.judgement.analysable]
    labels = np.array([item.clip.fake for item in scored], dtype=np.bool_)
    return labels, np.array([item.judgement.probability for item in scored], dtype=np.float64)


def _counts(judged: Sequence[JudgedClip]) -> dict[str, int]:
    return {
        "clips": len(judged),
        "fakes": sum(item.clip.fake for item in judged),
        "not_analysable": sum(not item.judgement.analysable for item in judged),
    }


def _scored(judged: Sequence[JudgedClip]) -> list[Scored]:
    return [
        Scored(
            item.clip.file,
            item.clip.fake,
            item.judgement.probability,
            item.clip.family,
            item.clip.generator,
            item.clip.pair,
        )
        for item in judged
        if item.judgement.probability is not None
    ]


def _against_genuine(
    judged: Sequence[JudgedClip], field: str, threshold: float, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    genuine = [item for item in judged if not item.clip.fake]
    names = sorted({getattr(item.clip, field) for item in judged if item.clip.fake} - {""})
    found = {}
    for name in names:
        fakes = [item for item in judged if item.clip.fake and getattr(item.clip, field) == name]
        group = [*fakes, *genuine]
        found[name] = figures(*arrays(group), threshold, bootstrap) | _counts(group)
    return found


def _corpora(judged: Sequence[JudgedClip], threshold: float) -> dict[str, Any]:
    """False alarms by corpus of the genuine clips; Wilson's intervals, since these are few."""
    genuine = [item for item in judged if not item.clip.fake]
    found = {}
    for name in sorted({item.clip.generator for item in genuine} - {""}):
        members = [item for item in genuine if item.clip.generator == name]
        _, scores = arrays(members)
        found[name] = {"false_positive_rate": wilson_share(scores >= threshold)} | _counts(members)
    return found


def abstentions(judged: Sequence[JudgedClip], bootstrap: Bootstrap) -> dict[str, Any]:
    """How often nothing is said, and how often the detector errs where it does say REAL or FAKE."""
    said = {str(Verdict.REAL): False, str(Verdict.FAKE): True}
    decided = [item for item in judged if item.judgement.verdict in said]
    wrong = [said[item.judgement.verdict] is not item.clip.fake for item in decided]
    verdicts = Counter(item.judgement.verdict for item in judged)
    return {
        "share": bootstrap.share([item.judgement.verdict not in said for item in judged]),
        "error_rate_without": bootstrap.share(wrong),
        "uncertain": verdicts[str(Verdict.UNCERTAIN)],
        "not_analysable": verdicts[str(Verdict.NOT_ANALYSABLE)],
    }


def _not_analysable(judged: Sequence[JudgedClip]) -> dict[str, Any]:
    refused = [item for item in judged if not item.judgement.analysable]
    return {
        "n": len(refused),
        "fake": sum(item.clip.fake for item in refused),
        "real": sum(not item.clip.fake for item in refused),
        "reasons": dict(Counter(item.judgement.reason for item in refused).most_common()),
        "treatment": MISSING,
    }


def _confusion(labels: Flags, scores: Floats, threshold: float) -> dict[str, Any]:
    """Every score on one side of the threshold, those in the uncertain band as well."""
    tn, fp, fn, tp = confusion_matrix(labels, scores >= threshold, labels=[False, True]).ravel().tolist()
    return {
        "threshold": threshold,
        "true_negative": tn,
        "false_positive": fp,
        "false_negative": fn,
        "true_positive": tp,
    }


def _verdicts(judged: Sequence[JudgedClip]) -> dict[str, dict[str, int]]:
    counted = Counter((item.clip.label, item.judgement.verdict) for item in judged)
    return {
        label: {str(verdict): counted[label, str(verdict)] for verdict in Verdict}
        for label in ("real", "fake")
    }


def _mistakes(judged: Sequence[JudgedClip], most: int = 5) -> dict[str, list[dict[str, Any]]]:
    """The genuine clips that score highest and the manipulated ones that score lowest."""
    rising = sorted(_scored(judged), key=lambda item: item.score)

    def told(items: Sequence[Scored]) -> list[dict[str, Any]]:
        return [
            {"file": item.name, "generator_or_corpus": item.generator, "fake_probability": item.score}
            for item in items[:most]
        ]

    return {
        "genuine": told([item for item in reversed(rising) if not item.fake]),
        "manipulated": told([item for item in rising if item.fake]),
    }


def _curve(labels: Flags, scores: Floats) -> dict[str, list[float]]:
    if len(set(labels.tolist())) < 2:
        return {"false_positive_rate": [], "true_positive_rate": []}
    fpr, tpr = roc(labels, scores)
    return {
        "false_positive_rate": [round(float(value), 5) for value in fpr],
        "true_positive_rate": [round(float(value), 5) for value in tpr],
    }


def _family_curves(judged: Sequence[JudgedClip]) -> dict[str, dict[str, list[float]]]:
    names = sorted({item.clip.family for item in judged if item.clip.fake} - {""})
    return {
        name: _curve(*arrays([i for i in judged if not i.clip.fake or i.clip.family == name]))
        for name in names
    }


def robustness(
    judged: Sequence[JudgedClip],
    varied: Mapping[Variant, Sequence[JudgedClip]],
    threshold: float,
    bootstrap: Bootstrap,
) -> list[dict[str, Any]]:
    """The figures of each variant, beginning with the clips as they are.

    Args:
        judged: The clips as they are.
        varied: The same clips in the same order, by variant.
        threshold: The detector's.
        bootstrap: Over clips.

    Returns:
        For each: `name`, `label`, the figures, `pair_accuracy`, `abstentions`, and `auc_change` against the
        clips as they are, on those that have both scores.
    """
    rows = []
    for name, label, items in [("original", "As they are", judged)] + [
        (variant.name, variant.label, items) for variant, items in varied.items()
    ]:
        labels, scores = arrays(items)
        rows.append(
            {"name": name, "label": label}
            | figures(labels, scores, threshold, bootstrap)
            | _counts(items)
            | {
                "auc_change": _change(judged, items, bootstrap),
                "pair_accuracy": pair_figure(_scored(items), bootstrap.seed, bootstrap.resamples),
                "abstentions": abstentions(items, bootstrap),
            }
        )
    return rows


def _change(
    before: Sequence[JudgedClip], after: Sequence[JudgedClip], bootstrap: Bootstrap
) -> dict[str, Any]:
    both = [
        (old.clip.fake, old.judgement.probability, new.judgement.probability)
        for old, new in zip(before, after, strict=True)
        if old.judgement.analysable and new.judgement.analysable
    ]
    labels = np.array([fake for fake, _, _ in both], dtype=np.bool_)
    scores = np.array([pair for _, *pair in both], dtype=np.float64).reshape(len(both), 2)
    return auc_change(labels, scores[:, 0], scores[:, 1], bootstrap)


def write_scores(path: Path, judged: Sequence[JudgedClip]) -> None:
    """Write `scores.csv`: a line for each clip in the table's order, also for those without a score."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for item in judged:
            clip, said = item.clip, item.judgement
            probability = "" if said.probability is None else repr(said.probability)
            writer.writerow(
                (
                    *(clip.file, clip.label, clip.family, clip.generator, clip.pair),
                    *(probability, said.verdict, said.reason),
                )
            )
