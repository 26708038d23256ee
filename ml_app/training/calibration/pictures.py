"""Calibrate a detector on single pictures, through the site's own path, and write it into its heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import Calibration, Decision, HeadMetadata, PictureMeasurement
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated
from ml_app.training.calibration.calibrate import measure
from ml_app.training.calibration.platt import choose_decision, fit_calibration
from ml_app.training.calibration.served_pictures import serve_pictures
from ml_app.training.data.items import Picture
from ml_app.training.data.shards import Face
from ml_app.training.evaluation.figures import Bootstrap
from ml_app.training.evaluation.metrics import Scored


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture's faces, embedded: float32 (N, channels), and by the second network where there is one."""

    face: Face
    embeddings: npt.NDArray[np.float32]
    second: tuple[npt.NDArray[np.float32], ...] | None = None


def calibrate_pictures(
    models_dir: Path,
    name: str,
    pictures: Sequence[Picture],
    cache: Path,
    *,
    fitted_on: str = "dev pictures",
    on_done: Callable[[], object] = lambda: None,
) -> dict[int, dict[str, Any]]:
    """Fit how pictures are judged, and write it with the measured figures into the head of the fewest frames.

    That is the head that serving takes for a picture. Its logit is that of a sequence of one frame.

    The probabilities are fitted on pairs alone, genuine pictures and what was made of the very same footage:
    genuine pictures from elsewhere would teach what tells the sets apart. The threshold is one that at most
    5 % of the genuine pictures of each set reach.

    Args:
        models_dir: Where the detectors' folders are.
        name: The detector's.
        pictures: That nothing was trained on; pairs among them.
        cache: For served crops.
        fitted_on: What the pictures are, in words.
        on_done: Called after each picture.

    Returns:
        The figures, by the frame count of that head, as they stand in its metadata.

    Raises:
        ValueError: There are no pairs, or no face that can be judged is found in one of the two kinds.
    """
    folder = open_folder(models_dir, name)
    frames = folder.nearest(1)
    pinned = folder.heads[frames]
    detector = Detector.load(models_dir, name, frames)
    items = score_pictures(detector, embed_pictures(detector, pictures, cache, on_done))
    pairs = [item for item in items if item.pair]
    calibration = fit_calibration(pairs, f"{fitted_on} ({len(pairs)} in pairs)")
    decision = strictest_decision(items, calibration)
    metrics = measure(items, calibration, decision)
    metrics["sets"] = _sets(items, calibration, decision)
    metrics |= {"split": fitted_on, "not_analysable": len(pictures) - len(items)}
    measured = PictureMeasurement(calibration, decision, metrics)
    metadata = replace(read_metadata(pinned.path, HeadMetadata), pictures=measured)
    save_checkpoint(pinned.path, load_tensors(pinned), metadata)
    return {frames: metrics}


def _sets(items: Sequence[Scored], calibration: Calibration, decision: Decision) -> dict[str, Any]:
    """By set of genuine pictures: the share of them that is called FAKE."""
    genuine: dict[str, list[bool]] = {}
    for item in items:
        if not item.fake:
            alarm = calibrated(item.score, calibration) >= decision.threshold
            genuine.setdefault(item.generator, []).append(alarm)
    return {
        name: {"false_positive_rate": Bootstrap().share(alarms)} for name, alarms in sorted(genuine.items())
    }


def embed_pictures(
    detector: Detector,
    pictures: Sequence[Picture],
    cache: Path,
    on_done: Callable[[], object] = lambda: None,
) -> list[EmbeddedPicture]:
    """Find, cut and embed the faces of pictures as serving does; those without one are left out."""
    embedded = []
    for served in serve_pictures(pictures, detector.preprocessing, cache):
        if len(served.crops):
            second = detector.look_again([[crop] for crop in served.crops])
            embedded.append(
                EmbeddedPicture(
                    served.picture.face,
                    detector.embed(list(served.crops)),
                    None if second is None else tuple(second),
                )
            )
        on_done()
    return embedded


def score_pictures(detector: Detector, pictures: Sequence[EmbeddedPicture]) -> list[Scored]:
    """The logit of each picture's most suspicious face, each a sequence of one frame."""
    rows = [row[None] for picture in pictures for row in picture.embeddings]
    again = [row for picture in pictures for row in picture.second or ()]
    second = again if detector.metadata.second_sha256 else None
    logits = iter(detector.score_embeddings(rows, [[0.0]] * len(rows), second=second))
    scored = []
    for picture in pictures:
        worst = max(next(logits).person for _ in picture.embeddings)
        face = picture.face
        scored.append(Scored(face.source, face.fake, worst, face.family, face.generator, face.pair))
    return scored


def strictest_decision(items: Sequence[Scored], calibration: Calibration) -> Decision:
    """The decision with the highest threshold among those of the sets of genuine pictures."""
    fakes = [item for item in items if item.fake]
    sets = sorted({item.generator for item in items if not item.fake})
    decisions = [
        choose_decision([*fakes, *(i for i in items if not i.fake and i.generator == name)], calibration)
        for name in sets
    ]
    return max(decisions, key=lambda decision: decision.threshold)
