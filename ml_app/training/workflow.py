"""The steps of a training as the commands call them: prepared data in, a run's folder out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead
from ml_app.detection.runtime.device import choose_device
from ml_app.training.data.leakage import check_no_leak
from ml_app.training.fitting.backbone import LAST, TrainingFailed, fit
from ml_app.training.fitting.batches import Pool
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.dev_figures import DevFaces
from ml_app.training.fitting.heads import FittedHead, fit_head
from ml_app.training.fitting.logs import OnLog, TrainingLog
from ml_app.training.fitting.sequences import embed_clips
from ml_app.training.fitting.teacher import of_model
from ml_app.training.publish import halved
from ml_app.training.recipe import Recipe, backbone_part, completed

HEADS = "heads.pt"
EMBEDDINGS = "embeddings"


def split_folders(data: Path, split: str) -> list[Path]:
    """The prepared sets that have a split, `<data>/<set>/<split>`.

    Raises:
        ValueError: There are none.
    """
    folders = sorted(path for path in data.glob(f"*/{split}") if any(path.glob("*.json")))
    if not folders:
        raise ValueError(f"{data} holds no prepared {split} faces; run `prepare` first")
    return folders


def train_backbone(
    recipe: Recipe,
    data: Path,
    run: Path,
    on_log: OnLog = lambda row: None,
    device: str = "auto",
) -> FrameClassifier:
    """Train a recipe's backbone on prepared data, on a GPU where there is one; see `backbone.fit`.

    Raises:
        ValueError: The data are not there, leak, or lack what the recipe's mix wants.
        CheckpointError: The device is not there.
        TrainingFailed, BackboneError: As for `backbone.fit`.
    """
    target = choose_device(device)
    check_no_leak(data)
    pool = Pool(split_folders(data, "train"), recipe.mix)
    dev = DevFaces(sorted(data.glob("*/dev")), recipe.margin)
    return fit(recipe, pool, run, dev.figures, device=target.device, on_log=on_log)


def load_backbone(recipe: Recipe, run: Path) -> FrameClassifier:
    """The averaged model of a finished run, rounded to half precision as it will ship.

    Raises:
        TrainingFailed: The run is not there, not finished, or of another recipe.
    """
    path = run / LAST
    if not path.exists():
        raise TrainingFailed(f"{run} holds no training; run `train` first")
    content = torch.load(path, map_location="cpu", weights_only=True)
    if backbone_part(content["recipe"]) != backbone_part(asdict(recipe)):
        raise TrainingFailed(f"{run} holds a run of another recipe")
    steps = content.get("steps", recipe.steps)
    end = min(recipe.stop_after or steps, steps)
    if content["step"] < end:
        raise TrainingFailed(
            f"{run} stands at step {content['step']} of {end}; run `train` again, which continues it"
        )
    model = FrameClassifier(recipe.backbone)
    weights = halved(of_model(content["average"]))
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    return model.eval()


def train_heads(
    recipe: Recipe,
    data: Path,
    run: Path,
    on_log: OnLog = lambda row: None,
    device: str = "auto",
) -> list[FittedHead]:
    """Train the sequence heads of a recipe on its finished backbone; keeps them in the run's folder.

    Raises:
        TrainingFailed: The backbone is not finished.
        ValueError: There are no clips to learn from.
    """
    model = load_backbone(recipe, run)
    target = choose_device(device)
    model.to(target.device)
    model.backbone.to(target.device, target.dtype, memory_format=target.layout)  # type: ignore[call-overload]

    def report(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            on_log({"embedded_clips": done, "of": total})

    folders = split_folders(data, "train")
    views = embed_clips(model, folders, recipe, run / EMBEDDINGS, report)
    if {view.fake for view in views} != {True, False}:
        raise ValueError("the heads need genuine and manipulated clips of the train split")
    classify = model.classify.cpu()
    fitted = []
    for frame_count in recipe.heads.frame_counts:
        with TrainingLog(run / f"head-{frame_count}.csv", _quietly) as log:
            head = fit_head(
                views,
                frame_count,
                classify,
                recipe.heads,
                recipe.seed,
                texture=model.spec.texture,
                on_check=log.write,
            )
        fitted.append(head)
        on_log(_figures(head))
    torch.save({"recipe": asdict(recipe), "heads": [_packed(head) for head in fitted]}, run / HEADS)
    (run / "heads.json").write_text(json.dumps([_figures(head) for head in fitted], indent=1) + "\n")
    return fitted


def load_heads(recipe: Recipe, run: Path) -> list[FittedHead]:
    """The heads that `train_heads` kept.

    Raises:
        TrainingFailed: There are none, or they are of another recipe.
    """
    path = run / HEADS
    if not path.exists():
        raise TrainingFailed(f"{run} holds no heads; run `train` to its end first")
    content = torch.load(path, map_location="cpu", weights_only=True)
    if completed(content["recipe"]) != asdict(recipe):
        raise TrainingFailed(f"{run} holds heads of another recipe")
    return [_unpacked(recipe, packed) for packed in content["heads"]]


def _quietly(row: dict[str, Any]) -> None:
    """The figures of a head's steps are for its log alone."""


def _figures(fitted: FittedHead) -> dict[str, Any]:
    return {
        "frame_count": fitted.frame_count,
        "best_step": fitted.best_step,
        "kept_share": fitted.kept_share,
        "loss_of_mean": round(fitted.loss_of_mean, 4),
        "loss": round(fitted.loss, 4),
    }


def _packed(fitted: FittedHead) -> dict[str, Any]:
    return {"figures": _figures(fitted), "weights": fitted.head.state_dict()}


def _unpacked(recipe: Recipe, packed: dict[str, Any]) -> FittedHead:
    read = packed["weights"].get("variation.weight")
    varying = 0 if read is None else read.shape[1]
    channels = packed["weights"]["frame.weight"].shape[1] + varying
    head = SequenceHead(HeadConfig(channels, recipe.heads.projection, recipe.heads.hidden, varying))
    head.load_state_dict(packed["weights"])
    return FittedHead(head.eval(), **packed["figures"])
