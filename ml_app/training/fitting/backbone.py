"""Train the backbone: steps over batches of pairs, saved often, resumed from the last save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_app.detection.hardware import usable_cores
from ml_app.training.fitting.batches import Batch, Pool, batches
from ml_app.training.fitting.classifier import Average, FrameClassifier, Outputs
from ml_app.training.fitting.freezing import freeze
from ml_app.training.fitting.gradients import Gradients
from ml_app.training.fitting.initial_weights import first_model
from ml_app.training.fitting.logs import OnLog, TrainingLog
from ml_app.training.fitting.teacher import imitation_loss, load_teacher
from ml_app.training.recipe import Recipe, backbone_part

LAST = "last.pt"
LOG = "log.csv"
CLIP_GRADIENT = 2.0
TEACHING = 0.5  # weight of the teacher's logits against the labels
MOST_LOADERS = 8  # threads that make batches for a GPU
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
    on_log: OnLog = lambda row: None,
) -> FrameClassifier:
    """Train to the recipe's end.

    Args:
        recipe: What to do.
        pool: The train split.
        run: Folder of this run: `last.pt`, `log.csv`, `tensorboard/`. A run that is there is continued.
        measure: (averaged model, input size) → figures for the log, called as often as the recipe says.
        device: CPU by default.
        stop_at: End early, after this many steps in all, as if killed right after a save.
        on_log: Told of each line of the log.

    Returns:
        The averaged model.

    Raises:
        TrainingFailed: The loss or a gradient is no number any more, or the run in the folder is of another
            recipe.
        BackboneError: The backbone, or the weights to start from, cannot be had.
    """
    run.mkdir(parents=True, exist_ok=True)
    recipe = recipe.with_steps(pool.genuine_faces)
    state = _State(recipe, run, device or torch.device("cpu"))
    end = recipe.end if stop_at is None else min(stop_at, recipe.end)
    with TrainingLog(run / LOG, on_log, start=state.step) as log:
        recent = _Recent()
        for step, batch in batches(pool, recipe, state.step, end, state.loaders):
            recent.add(*state.learn(batch, step), len(batch.fake))
            done, size = step + 1, recipe.phase_at(step).size
            measured = measure is not None and (done % recipe.measure_every == 0 or done == recipe.end)
            if measured or done % recipe.save_every == 0 or done == end:
                row = {"step": done, "size": size} | recent.figures() | {"rate": rate_at(recipe, step)}
                state.save(done)
                if measure and measured:
                    row |= measure(state.average.model, size)
                log.write(row)
                recent = _Recent()
    return state.average.model


class _Recent:
    """Figures since the last row of the log."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._right: list[float] = []
        self._crops, self._since = 0, time.monotonic()

    def add(self, loss: float, accuracy: float, crops: int) -> None:
        self._losses.append(loss)
        self._right.append(accuracy)
        self._crops += crops

    def figures(self) -> dict[str, Any]:
        seconds = time.monotonic() - self._since
        return {
            "loss": round(sum(self._losses) / len(self._losses), 4),
            "accuracy": round(sum(self._right) / len(self._right), 4),
            "crops_per_second": round(self._crops / seconds, 1),
        }


class _State:
    """Everything that a training needs in order to go on."""

    def __init__(self, recipe: Recipe, run: Path, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        if device.type == "cuda":
            torch.backends.cudnn.deterministic = True  # a run that was killed shall end in the same weights
        # On a CPU, batches are made on the cores that also work them out.
        self.loaders = min(MOST_LOADERS, usable_cores()) if device.type == "cuda" else 1
        self.recipe, self.path, self.device, self.step = recipe, run / LAST, device, 0
        # The saved weights replace all others.
        model = (
            FrameClassifier(recipe.backbone, precision=recipe.precision)
            if self.path.exists()
            else first_model(recipe)
        ).to(device)
        self.teacher = load_teacher(Path(recipe.teacher)).to(device) if recipe.teacher else None
        if self.teacher is not None and recipe.imitation:
            model.imitate = nn.Conv2d(model.spec.channels, self.teacher.channels, 1).to(device)
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
                *([{"params": list(model.imitate.parameters()), "share": 1.0}] if model.imitate else []),
            ],
            lr=recipe.learning_rate,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.average = Average(self.model, recipe.ema)
        self.gradients = Gradients(self.model, self._loss, recipe.workers)
        if self.path.exists():
            self._load()

    def _loss(self, outputs: Outputs, part: Batch) -> Tensor:
        loss = pair_loss(outputs.logits, part.fake, part.twins, self.recipe)
        if self.teacher is None:
            return loss
        features, logits = self.teacher.look(part.images if part.large is None else part.large)
        loss = loss + TEACHING * functional.smooth_l1_loss(outputs.logits, logits)
        if outputs.imitation is not None:
            loss = loss + self.recipe.imitation * imitation_loss(outputs.imitation, features)
        return loss

    def learn(self, batch: Batch, step: int) -> tuple[float, float]:
        """One step: its loss and accuracy."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.recipe, step) * group["share"]
        torch.manual_seed(self.recipe.seed * 1_000_003 + step)  # for layers that are left out by chance
        value, accuracy = self.gradients.of(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_GRADIENT)
        if not math.isfinite(value) or not bool(torch.isfinite(norm)):
            raise TrainingFailed(self._what_is_no_number(step, value))
        self.optimizer.step()
        self.average.update(self.model, step)
        return value, accuracy

    def _what_is_no_number(self, step: int, loss: float) -> str:
        named = list(self.model.named_parameters())
        weights = next((name for name, p in named if not bool(torch.isfinite(p).all())), None)
        bad = [name for name, p in named if p.grad is not None and not bool(torch.isfinite(p.grad).all())]
        if weights:
            reason = f"the weights {weights!r} are no numbers any more"
        elif not math.isfinite(loss):
            reason = f"the loss is {loss} though all weights are numbers"
        else:
            reason = (
                f"the loss is {loss:.3g}, but {len(bad)} gradients are no numbers, the first of {bad[0]!r}"
            )
        return (
            f"stopped at step {step}, at size {self.recipe.phase_at(step).size} and rate "
            f"{rate_at(self.recipe, step):.2g}: {reason}. The state of step {self.step} is kept. Lower "
            "learning_rate, lengthen warm_up or set precision to float32, and train in another --run"
        )

    def save(self, step: int) -> None:
        """Write the state; it appears whole or not at all."""
        partial = self.path.with_suffix(".partial")
        content = {
            "step": step,
            "steps": self.recipe.steps,
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(content, partial)
        partial.replace(self.path)
        self.step = step

    def _load(self) -> None:
        content = torch.load(self.path, map_location=self.device, weights_only=True)
        if backbone_part(content["recipe"]) != backbone_part(asdict(self.recipe)):
            raise TrainingFailed(
                f"{self.path.parent} holds a run of another recipe; choose another folder or remove it"
            )
        if content.get("steps", self.recipe.steps) != self.recipe.steps:
            raise TrainingFailed(
                f"{self.path.parent} was to take {content['steps']} steps and now {self.recipe.steps}: the "
                "prepared faces have changed; train in another --run"
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
