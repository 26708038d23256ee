"""The training of a landmark detector as the commands call it: prepared clips in, a detector's folder out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_app.detection.checkpoints.files import load_arrays, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata, Preprocessing, Sampling
from ml_app.detection.networks.landmark_motion import ARCHITECTURE, LANDMARKS, Motion
from ml_app.training.data.leakage import check_no_leak
from ml_app.training.fitting.backbone import TrainingFailed
from ml_app.training.fitting.landmark_clips import fit_motion, measured, thinned, tracked_clips
from ml_app.training.fitting.landmarks import fit_landmark_head
from ml_app.training.fitting.logs import OnLog, TrainingLog
from ml_app.training.publish import BACKBONE_FILE, halved, head_file
from ml_app.training.recipe import Recipe, completed

RUN = "landmarks.pt"
# Clips are thinned to steps of about this, and speeds that were read from others would not be theirs. Bursts,
# so that a long video has such steps as well; as long as the shortest sequence.
SAMPLING = Sampling("bursts", burst=10, burst_step_s=0.08)


def train_landmarks(
    recipe: Recipe, data: Path, run: Path, on_log: OnLog = lambda row: None, *, onto: Path | None = None
) -> None:
    """Train a landmark detector on `<data>/<set>/train`; keeps it in the run's folder.

    Args:
        recipe: Its heads' frame counts are those that are trained.
        data: From `prepare`.
        run: Where to.
        on_log: Told what was found.
        onto: Folder of a landmark detector that is to have further heads: its backbone is read instead of
            fitted anew, and numbers of frames that it has a head for are left out.

    Raises:
        CheckpointError: `onto` holds no usable detector.
        ValueError: There are no prepared clips of both classes, they leak, or no head is missing.
    """
    check_no_leak(data)
    known = open_folder(onto.parent, onto.name) if onto else None
    frame_counts = [count for count in recipe.heads.frame_counts if known is None or count not in known.heads]
    if not frame_counts:
        raise ValueError(f"{onto} has a head for every number of frames that the recipe names")
    clips = tracked_clips(sorted(data.glob("*/train")))
    on_log({"clips": len(clips)})
    if known:
        motion = Motion.of(load_arrays(known.backbone))
    else:
        motion = fit_motion([thinned(clip, SAMPLING.burst, SAMPLING) for clip in clips])
    run.mkdir(parents=True, exist_ok=True)
    heads = []
    for frame_count in frame_counts:
        moving = measured(motion, [thinned(clip, frame_count, SAMPLING) for clip in clips])
        with TrainingLog(run / f"head-{frame_count}.csv", lambda row: None) as log:
            fitted = fit_landmark_head(
                motion, moving, frame_count, recipe.heads, recipe.seed, on_check=log.write
            )
        figures = {name: getattr(fitted, name) for name in ("frame_count", "best_step", "kept_share")}
        on_log(figures | {"loss_of_summary": fitted.loss_of_summary, "loss": fitted.loss})
        heads.append(
            {
                "frame_count": frame_count,
                "weights": fitted.head.state_dict(),
                "dimensions": asdict(fitted.head.config),
            }
        )
    content = {
        "recipe": asdict(recipe),
        "onto": known.backbone.sha256 if known else "",
        "motion": _tensors(motion),
        "heads": heads,
    }
    partial = run / f"{RUN}.partial"
    torch.save(content, partial)
    partial.replace(run / RUN)


def export_landmarks(recipe: Recipe, run: Path, folder: Path, *, training_data: str, licence: str) -> None:
    """Write a finished run as a detector, in half precision, not yet calibrated.

    Heads that were trained onto a detector are added to it; its backbone and other heads stay as they are.

    Args:
        recipe: That was trained.
        run: Its folder.
        folder: Where to; files of the same names that are there are replaced.
        training_data: What it learned from, in words.
        licence: And under which terms that is.

    Raises:
        CheckpointError: The heads belong onto a detector, and `folder` holds no usable one.
        TrainingFailed: The run is not there, of another recipe, or belongs onto another detector.
    """
    if not (run / RUN).exists():
        raise TrainingFailed(f"{run} holds no landmark detector; run `train` to its end first")
    content = torch.load(run / RUN, map_location="cpu", weights_only=True)
    if completed(content["recipe"]) != asdict(recipe):
        raise TrainingFailed(f"{run} holds a run of another recipe")
    preprocessing = Preprocessing(image_size=0, margin=recipe.margin, reads="landmarks")
    told: dict[str, Any] = {"name": recipe.name, "version": recipe.version, "preprocessing": preprocessing}
    told |= {"training_data": training_data, "licence": licence}
    if content["onto"]:
        sha256 = open_folder(folder.parent, folder.name).backbone.sha256
        if sha256 != content["onto"]:
            raise TrainingFailed(f"{run} holds heads for another backbone than that of {folder}")
    else:
        backbone = BackboneMetadata(backbone=LANDMARKS, **told)
        save_checkpoint(folder / BACKBONE_FILE, halved(content["motion"]), backbone)
        sha256 = sha256_of(folder / BACKBONE_FILE)
    for head in content["heads"]:
        metadata = HeadMetadata(
            architecture=ARCHITECTURE,
            frame_count=head["frame_count"],
            backbone_sha256=sha256,
            dimensions=head["dimensions"],
            sampling=SAMPLING,
            **told,
        )
        save_checkpoint(folder / head_file(head["frame_count"]), halved(head["weights"]), metadata)


def _tensors(motion: Motion) -> Mapping[str, Tensor]:
    arrays: dict[str, Any] = {field.name: getattr(motion, field.name) for field in fields(motion)}
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
