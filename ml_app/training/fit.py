"""Train the backbone: steps over batches of pairs, saved often, resumed from the last save."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ml_app.training.batches import Batch, Pool, batches
from ml_app.training.classifier import Average, FrameClassifier
from ml_app.training.freezing import freeze
from ml_app.training.gradients import Gradients
from ml_app.training.initial import first_model, load_teacher
from ml_app.training.recipe import Recipe, backbone_part

LAST = "last.pt"
LOG = "log.csv"
CLIP_GRADIENT = 2.0
TEACHING = 0.5  # weight of the teacher's logits against the labels
CLASSIFIER_SHARE = 0.1  # of the learning rate

Measure = Callable[[FrameClassifier, int], dict[str, float]]


class TrainingFailed(RuntimeError):  # noqa: N818 - reads as what happened
    """The training cannot go on; the message says why and what to change."""


def fit(
    recipe: Recipe,
    pool: Pool,
    run: Path,
    measure: Measure | None = None,
    *,
    device: torch.device | None = None,
    stop_at: int | None = None,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> FrameClassifier:
    """Train to the recipe's end.

    Args:
        recipe: What to do.
        pool: The train split.
        run: Folder of this run: `last.pt`, `log.csv`. A run that is there is continued.
        measure: (averaged model, input size) → figures for the log, called as often as the recipe says.
        device: CPU by default.
        stop_at: End early, after this many steps in all, as if killed right after a save.
        on_log: Told of each line of the log.

    Returns:
        The averaged model.

    Raises:
        TrainingFailed: The loss is no number any more, or the run in the folder is of another recipe.
        BackboneError: The backbone, or the weights to start from, cannot be had.
    """
    run.mkdir(parents=True, exist_ok=True)
    state = _State(recipe, run, device or torch.device("cpu"))
    end = recipe.end if stop_at is None else min(stop_at, recipe.end)
    log = _Log(run / LOG, on_log)
    losses: list[float] = []
    right: list[float] = []
    since = time.monotonic()
    for step, batch in batches(pool, recipe, state.step):
        if step >= end:
            break
        loss, accuracy = state.learn(batch, step)
        losses.append(loss)
        right.append(accuracy)
        done = step + 1
        measured = measure is not None and (done % recipe.measure_every == 0 or done == recipe.end)
        if measured or done % recipe.save_every == 0 or done == end:
            seconds = time.monotonic() - since
            row: dict[str, Any] = {
                "step": done,
                "size": recipe.phase_at(step).size,
                "loss": round(sum(losses) / len(losses), 4),
                "accuracy": round(sum(right) / len(right), 4),
                "crops_per_second": round(sum(len(batch.fake) for _ in losses) / seconds, 1),
            }
            state.save(done)
            if measure and measured:
                row |= measure(state.average.model, recipe.phase_at(step).size)
            log.write(row)
            losses, right, since = [], [], time.monotonic()
    return state.average.model


class _State:
    """Everything that a training needs in order to go on."""

    def __init__(self, recipe: Recipe, run: Path, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.path, self.device, self.step = recipe, run / LAST, device, 0
        # The saved weights replace all others.
        model = FrameClassifier(recipe.backbone) if self.path.exists() else first_model(recipe)
        model = model.to(device)
        freeze(model.backbone, recipe.frozen)
        self.model = model.to(memory_format=torch.channels_last)
        learned = [p for p in model.backbone.parameters() if p.requires_grad]
        decayed = [p for p in learned if p.ndim > 1]
        others = [p for p in learned if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay, "share": 1.0},
                {"params": others, "weight_decay": 0.0, "share": 1.0},
                # Adam moves all 2048 weights at once, and the logit by their sum.
                {"params": list(model.classify.parameters()), "weight_decay": 0.0, "share": CLASSIFIER_SHARE},
            ],
            lr=recipe.learning_rate,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.teacher = load_teacher(Path(recipe.teacher)) if recipe.teacher else None
        self.average = Average(self.model, recipe.ema)
        self.gradients = Gradients(self.model, self._loss, recipe.workers)
        if self.path.exists():
            self._load()

    def _loss(self, logits: Tensor, part: Batch) -> Tensor:
        loss = pair_loss(logits, part.fake, part.twins, self.recipe)
        if self.teacher is None:
            return loss
        with torch.no_grad():
            taught = self.teacher.to(logits.device)(part.images)
        return loss + TEACHING * functional.smooth_l1_loss(logits, taught)

    def learn(self, batch: Batch, step: int) -> tuple[float, float]:
        """One step: its loss and accuracy."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.recipe, step) * group["share"]
        value, accuracy = self.gradients.of(batch)
        if not math.isfinite(value):
            raise TrainingFailed(
                f"the loss of step {step} is {value}; lower learning_rate, or look for broken pictures"
            )
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_GRADIENT)
        self.optimizer.step()
        self.average.update(self.model, step)
        return value, accuracy

    def save(self, step: int) -> None:
        """Write the state; it appears whole or not at all."""
        partial = self.path.with_suffix(".partial")
        content = {
            "step": step,
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(content, partial)
        partial.replace(self.path)

    def _load(self) -> None:
        content = torch.load(self.path, map_location=self.device, weights_only=True)
        if backbone_part(content["recipe"]) != backbone_part(asdict(self.recipe)):
            raise TrainingFailed(
                f"{self.path.parent} holds a run of another recipe; choose another folder or remove it"
            )
        self.model.load_state_dict(content["model"])
        self.average.model.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step = int(content["step"])


def rate_at(recipe: Recipe, step: int) -> float:
    """The learning rate of a step: a linear rise, then half a cosine to nearly zero."""
    warm = max(1, round(recipe.steps * recipe.warm_up))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, recipe.steps - warm)
    return recipe.learning_rate * max(0.005, 0.5 * (1 + math.cos(math.pi * share)))


def pair_loss(logits: Tensor, fake: Tensor, twins: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy of every face, and for twins the wish that the fake scores above its genuine partner.

    Args:
        logits: float (B,), genuine first, then their partners in the same order.
        fake: float (B,).
        twins: bool (B / 2,).
        recipe: For the smoothing and the weight of the ranking.
    """
    target = fake * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
    loss = functional.binary_cross_entropy_with_logits(logits, target)
    genuine, manipulated = logits.chunk(2)
    if recipe.ranking > 0 and bool(twins.any()):
        loss = loss + recipe.ranking * functional.softplus((genuine - manipulated)[twins]).mean()
    return loss


class _Log:
    """A CSV file whose columns may grow."""

    def __init__(self, path: Path, on_log: Callable[[dict[str, Any]], None]) -> None:
        self._path, self._on_log = path, on_log

    def write(self, row: dict[str, Any]) -> None:
        rows: list[dict[str, Any]] = []
        if self._path.exists():
            with self._path.open(newline="") as file:
                # Steps after the last save were lost in a kill and come again.
                rows = [old for old in csv.DictReader(file) if int(old["step"]) < row["step"]]
        columns = list(dict.fromkeys(key for line in [*rows, row] for key in line))
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows([*rows, row])
        self._on_log(row)
