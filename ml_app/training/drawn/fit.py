"""Learn to tell drawn faces from photographed ones, by what a detector's second network sees already.

Drawings are made of the photographs by `styles`. How well drawings of another kind are known is measured by
leaving each style out in turn; how seldom photographs are taken for drawings, on photographs of sources that
were left out: that sets the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from ml_app.detection.checkpoints.files import how_second_looks, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import DrawnMetadata
from ml_app.detection.networks.second_look_shape import TOKENS_FROM
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.runtime.network import CropNetwork
from ml_app.training.data.shards import read_shards
from ml_app.training.drawn.examples import Example, examples

DRAWN_FILE = "drawn.safetensors"
DRAWINGS = 100  # of each style
FALSE_SHARE = 0.005  # of photographs that may be taken for drawings, of clips and of pictures
INVERSE_REGULARISATION = 3e-2  # scikit-learn's C
FOLDS = 5
BATCH = 16

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the second network saw of N examples, and what they are, see `Example`."""

    moments: Floats  # (N, moments)
    styles: npt.NDArray[Any]  # str; empty for photographs
    generators: npt.NDArray[Any]  # str
    pictures: npt.NDArray[np.bool_]

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """Which are drawings."""
        return cast("npt.NDArray[np.bool_]", self.styles != "")


@dataclass(frozen=True, slots=True)
class Reading:
    """A linear reading of moments as they are."""

    weight: Floats
    bias: float

    def logits(self, moments: Floats) -> Floats:
        """Of float32 (N, moments)."""
        return np.asarray(moments @ self.weight + self.bias, dtype=np.float32)


def fit_drawn(
    models: Path,
    name: str,
    data: Sequence[Path],
    *,
    training_data: str,
    licence: str = "",
    drawings: int = DRAWINGS,
    seed: int = 1,
    on_done: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Write a detector the file that tells drawn faces; nothing else of it changes.

    Args:
        models: Where detectors are kept.
        name: The detector's, which must have a second look.
        data: Prepared folders of the train split.
        training_data: What the photographs are, in words.
        licence: Of the weights.
        drawings: Of each style.
        seed: Decides the drawings.
        on_done: Told how many examples are seen.

    Returns:
        The figures, as they stand in the file.

    Raises:
        CheckpointError: The detector cannot be loaded.
        ValueError: It has no second look, or there are no faces.
    """
    detector = Detector.load(models, name, min(open_folder(models, name).heads))
    if not detector.metadata.second_sha256:
        raise ValueError(f"{name} has no second look by which drawings could be told")
    shards = [shard for folder in data for shard in read_shards(folder)]
    if not shards:
        raise ValueError("there are no prepared faces of the train split")
    shown = detector.preprocessing
    made = examples(shards, drawings=drawings, size=shown.image_size, margin=shown.margin, seed=seed)
    seen = see(detector, made, on_done)
    return write(models, name, detector, seen, training_data=training_data, licence=licence)


def see(
    detector: Detector, made: Iterable[Example], on_done: Callable[[int], None] = lambda done: None
) -> Seen:
    """Show examples to a detector's second network."""
    moments: list[Floats] = []
    told: list[tuple[str, str, bool]] = []
    network, rest = cast(CropNetwork, detector.network), iter(made)
    while part := list(islice(rest, BATCH)):
        moments.append(network.embed_second([example.image for example in part])[:, TOKENS_FROM:])
        told += [(example.style, example.generator, example.picture) for example in part]
        on_done(len(told))
    styles, generators, pictures = (np.array(column) for column in zip(*told, strict=True))
    return Seen(np.concatenate(moments), styles, generators, pictures)


def write(
    models: Path, name: str, detector: Detector, seen: Seen, *, training_data: str, licence: str
) -> dict[str, Any]:
    """Fit, measure and write the file; see `fit_drawn`."""
    measured, reading = measure(seen), fit(seen.moments, seen.drawn)
    second = open_folder(models, name).second
    assert second  # noqa: S101 - for mypy: without one the detector saw no examples
    about = DrawnMetadata(
        name=name,
        second_sha256=second.sha256,
        second_backbone=how_second_looks(detector.metadata, second),
        threshold=measured.threshold,
        picture_threshold=measured.picture_threshold,
        training_data=training_data,
        metrics=measured.figures,
        licence=licence,
    )
    tensors = {"weight": torch.from_numpy(reading.weight), "bias": torch.tensor([reading.bias])}
    save_checkpoint(models / name / DRAWN_FILE, tensors, about)
    return measured.figures


def fit(moments: Floats, drawn: npt.NDArray[np.bool_]) -> Reading:
    """A logistic regression; drawings and photographs count alike, whatever their numbers."""
    scaler = StandardScaler()
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=500, class_weight="balanced")
    model.fit(scaler.fit_transform(moments), drawn)
    weight = model.coef_[0] / scaler.scale_
    return Reading(weight.astype(np.float32), float(model.intercept_[0] - weight @ scaler.mean_))


@dataclass(frozen=True, slots=True)
class Measured:
    """The logits that `FALSE_SHARE` of photographs reach, of clips and of pictures; and the figures."""

    threshold: float
    picture_threshold: float
    figures: dict[str, Any]


def measure(seen: Seen) -> Measured:
    """The thresholds, by photographs whose generator or corpus was left out, and how many drawings of each
    style are above that of clips where the style was left out."""
    drawn = seen.drawn
    unseen = _unseen_sources(seen)
    clips, pictures = ~drawn & ~seen.pictures, ~drawn & seen.pictures
    if not clips.any():
        raise ValueError("there are no clips among the prepared faces")
    threshold = float(np.quantile(unseen[clips], 1 - FALSE_SHARE))
    picture_threshold = float(np.quantile(unseen[pictures], 1 - FALSE_SHARE)) if pictures.any() else threshold
    styles = {}
    for style in sorted({str(name) for name in seen.styles[drawn]}):
        held = seen.styles == style
        logits = fit(seen.moments[~held], drawn[~held]).logits(seen.moments[held])
        labels = np.r_[np.zeros(clips.sum()), np.ones(len(logits))]
        styles[style] = {
            "n": len(logits),
            "recall": round(float((logits >= threshold).mean()), 3),
            "auc": round(float(roc_auc_score(labels, np.r_[unseen[clips], logits])), 3),
        }
    figures = {"photographs": int((~drawn).sum()), "false_share": FALSE_SHARE, "styles_left_out": styles}
    return Measured(threshold, max(threshold, picture_threshold), figures)


def _unseen_sources(seen: Seen) -> Floats:
    """Each example's logit by a reading that has not learned from its generator or corpus."""
    found = np.zeros(len(seen.styles), dtype=np.float32)
    folds = GroupKFold(min(FOLDS, len({str(name) for name in seen.generators})))
    for learned, held in folds.split(seen.moments, seen.drawn, seen.generators):
        found[held] = fit(seen.moments[learned], seen.drawn[learned]).logits(seen.moments[held])
    return found
