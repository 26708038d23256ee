"""Train the sequence heads on frozen embeddings, each on sequences of its own length.

There are few clips and the backbone knows them already, so a head may learn little and must not learn the
clips by heart: the reading of single frames stays the backbone's own, the best step is chosen on groups that
the head does not learn from, and what the LSTM adds is scaled by the share that helps there.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead
from ml_app.training.fitting.logs import OnLog
from ml_app.training.fitting.sequences import ClipView, places
from ml_app.training.fitting.variation import fit_variation
from ml_app.training.recipe import Heads

SMOOTHING = 0.1
CHECK_EVERY = 10  # steps
SHARES = (1.0, 0.5, 0.25, 0.1)  # of the LSTM's reading that may be kept; never none, or order would not count


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head and how it came to be. Losses are cross-entropies on the held-out groups."""

    head: SequenceHead
    frame_count: int
    best_step: int
    kept_share: float
    loss_of_mean: float  # of the mean of single frames, without any LSTM
    loss: float


def fit_head(
    views: Sequence[ClipView],
    frame_count: int,
    classify: nn.Linear,
    settings: Heads,
    seed: int,
    *,
    texture: int = 0,
    on_check: OnLog = lambda row: None,
) -> FittedHead:
    """Train one head.

    Args:
        views: Of the train clips.
        frame_count: Length of the sequences it learns from.
        classify: The backbone's classifier of single frames: the head's reading of frames, kept as it is.
        settings: The recipe's.
        seed: Of the split and of everything drawn.
        texture: How many of an embedding's last channels are texture, whose variation over time is read.
        on_check: Told of step, loss and held_loss as often as the held-out groups are looked at.

    Raises:
        ValueError: The loss is no number any more.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, frame_count])
    learn, held = split_by_group(views, settings.held_out, np.random.default_rng(seed))
    head = SequenceHead(
        HeadConfig(classify.in_features + texture, settings.projection, settings.hidden, texture)
    )
    with torch.no_grad():
        head.frame.weight.copy_(classify.weight)
        head.frame.bias.copy_(classify.bias)
    head.frame.requires_grad_(False)
    start, best_loss, best_step, best = _held_loss(head, held, frame_count), float("inf"), 0, head
    trained = [p for p in head.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    for step in range(1, settings.steps + 1):
        head.train()
        chosen = _balanced(learn, settings.batch, rng)
        scores = head(*_pad([sample(view.embeddings, frame_count, rng) for view in chosen]))
        loss = _loss(scores.persons, chosen)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % CHECK_EVERY == 0 or step == settings.steps:
            found = _held_loss(head, held, frame_count)
            if not math.isfinite(found):
                raise ValueError(
                    f"the head of {frame_count} frames: the loss of step {step} is {found}; lower the heads' "
                    "learning_rate"
                )
            on_check({"step": step, "loss": float(loss.detach()), "held_loss": found})
            if found < best_loss:
                best_loss, best_step, best = found, step, copy.deepcopy(head)
    best, share, loss_kept = _shrink(best, held, frame_count)
    if best.variation is not None:
        best.variation = fit_variation(views, frame_count, texture, settings.variation)
    return FittedHead(best.eval(), frame_count, best_step, share, start, loss_kept)


def split_by_group(
    views: Sequence[ClipView], held_out: float, rng: np.random.Generator
) -> tuple[list[ClipView], list[ClipView]]:
    """Part clips into those to learn from and those to choose by; no group stands on both sides.

    Groups are dealt by class, so that both sides have both.

    Raises:
        ValueError: There are too few groups for that.
    """
    held: set[str] = set()
    for fake in (False, True):
        groups = sorted({view.group for view in views if view.fake is fake})
        free = [group for group in groups if group not in held]
        missing = max(1, round(len(groups) * held_out)) - (len(groups) - len(free))
        held |= {free[int(i)] for i in rng.permutation(len(free))[: max(0, missing)]}
    learn = [view for view in views if view.group not in held]
    if {view.fake for view in learn} != {True, False}:
        raise ValueError("the heads need at least two groups each of genuine and of manipulated clips")
    return learn, [view for view in views if view.group in held]


def sample(embeddings: Tensor, count: int, rng: np.random.Generator | None = None) -> Tensor:
    """Frames evenly over a clip, (T, C) → (at most `count`, C).

    One of each of `count` equal parts: its middle or, with `rng`, any.
    """
    return embeddings[places(len(embeddings), count, rng)]


def _balanced(views: Sequence[ClipView], batch: int, rng: np.random.Generator) -> list[ClipView]:
    chosen = []
    for number in range(batch):
        of_class = [view for view in views if view.fake == bool(number % 2)]
        generators = sorted({view.generator for view in of_class})
        generator = generators[int(rng.integers(len(generators)))]
        of_generator = [view for view in of_class if view.generator == generator]
        chosen.append(of_generator[int(rng.integers(len(of_generator)))])
    return chosen


def _pad(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return pad_sequence(list(sequences), batch_first=True), lengths


def _loss(persons: Tensor, views: Sequence[ClipView]) -> Tensor:
    target = torch.tensor([1 - SMOOTHING / 2 if view.fake else SMOOTHING / 2 for view in views])
    return functional.binary_cross_entropy_with_logits(persons, target)


@torch.no_grad()
def _held_loss(head: SequenceHead, held: Sequence[ClipView], frame_count: int) -> float:
    head.eval()
    inputs, lengths = _pad([sample(view.embeddings, frame_count) for view in held])
    return float(_loss(head(inputs, lengths).persons, held))


def _shrink(
    head: SequenceHead, held: Sequence[ClipView], frame_count: int
) -> tuple[SequenceHead, float, float]:
    found = []
    for share in SHARES:
        scaled = copy.deepcopy(head)
        with torch.no_grad():
            scaled.temporal.weight.mul_(share)
        found.append((_held_loss(scaled, held, frame_count), share, scaled))
    loss, share, scaled = min(found, key=lambda item: item[0])
    return scaled, share, loss
