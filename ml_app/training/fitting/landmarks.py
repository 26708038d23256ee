"""Fit the heads of a landmark detector, each on sequences of its own length.

What carries over to clips of other people and generators is how fast a face moves on the whole, so that is
fitted first and by itself: a logistic regression over each person's summary, strongly regularised. A small
CNN and an LSTM then learn what single moments add to it; how much of that is kept is chosen on generators
that they did not learn from, and may be little.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from ml_app.detection.networks.landmark_head import LandmarkConfig, LandmarkHead
from ml_app.detection.networks.landmark_motion import CHANNELS, SUMMARY, Motion
from ml_app.training.fitting.landmark_clips import MovingClip, Window, draw_windows, window_of
from ml_app.training.fitting.logs import OnLog
from ml_app.training.fitting.weighting import source_weights
from ml_app.training.recipe import Heads

INVERSE_REGULARISATION = 3e-3  # scikit-learn's C
SMOOTHING = 0.1
CHECK_EVERY = 10  # steps
SHARES = (1.0, 0.5, 0.25, 0.1)  # of what moments add; never none, or a timeline would be flat
SEVERAL = 4  # generators, or corpora of genuine clips


@dataclass(frozen=True, slots=True)
class FittedLandmarkHead:
    """A head and how it came to be. Losses are cross-entropies on the held-out groups."""

    head: LandmarkHead
    frame_count: int
    best_step: int
    kept_share: float
    loss_of_summary: float  # without what moments add
    loss: float


def fit_landmark_head(
    motion: Motion,
    clips: Sequence[MovingClip],
    frame_count: int,
    settings: Heads,
    seed: int,
    *,
    on_check: OnLog = lambda row: None,
) -> FittedLandmarkHead:
    """Train one head.

    Args:
        motion: What the clips were measured with.
        clips: Of the train split.
        frame_count: Length of the sequences it learns from.
        settings: The recipe's.
        seed: Of the split and of everything drawn.
        on_check: Told of step, loss and held_loss as often as the held-out groups are looked at.

    Raises:
        ValueError: The loss is no number any more, or there are too few groups.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, frame_count])
    head = LandmarkHead(LandmarkConfig(CHANNELS, SUMMARY, settings.hidden), settings.dropout)
    _fit_summary(head, motion, clips, frame_count)
    head.summary.requires_grad_(False)
    learn, held = _parted(clips, settings.held_out, np.random.default_rng(seed))
    held_windows, held = draw_windows(motion, held, frame_count)
    start = _loss_of(head, held_windows, held)
    best_loss, best_step, best = math.inf, 0, head
    chances = source_weights([clip.generator for clip in learn], [clip.fake for clip in learn])
    trained = [parameter for parameter in head.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    for step in range(1, settings.steps + 1):
        chosen = [learn[i] for i in rng.choice(len(learn), settings.batch, p=chances / chances.sum())]
        head.train()
        windows, chosen = draw_windows(motion, chosen, frame_count, rng)
        loss = _loss(_persons(head, windows, settings.noise), chosen)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % CHECK_EVERY == 0 or step == settings.steps:
            found = _loss_of(head, held_windows, held)
            if not math.isfinite(found):
                raise ValueError(f"the head of {frame_count} frames: the loss of step {step} is {found}")
            on_check({"step": step, "loss": float(loss.detach()), "held_loss": found})
            if found < best_loss:
                best_loss, best_step, best = found, step, copy.deepcopy(head)
    best, share, loss_kept = _shrink(best, held_windows, held)
    return FittedLandmarkHead(best.eval(), frame_count, best_step, share, start, loss_kept)


def _fit_summary(head: LandmarkHead, motion: Motion, clips: Sequence[MovingClip], frame_count: int) -> None:
    """On every window of so many frames that a clip has beside each other."""
    weights = source_weights([clip.generator for clip in clips], [clip.fake for clip in clips])
    rows, labels, counted = [], [], []
    for clip, weight in zip(clips, weights, strict=True):
        windows = [
            window_of(motion, clip, start, frame_count) for start in range(0, clip.frames, frame_count)
        ]
        usable = [window for window in windows if window is not None]
        rows += [window.summary.numpy() for window in usable]
        labels += [clip.fake] * len(usable)
        counted += [weight / len(usable) for _ in usable]
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000)
    model.fit(np.stack(rows), labels, sample_weight=counted)
    with torch.no_grad():
        head.summary.weight.copy_(torch.from_numpy(model.coef_))
        head.summary.bias.copy_(torch.from_numpy(model.intercept_))


def _parted(
    clips: Sequence[MovingClip], held_out: float, rng: np.random.Generator
) -> tuple[list[MovingClip], list[MovingClip]]:
    """Those to learn from and those to choose by: of other generators and corpora, and of other people.

    Where there are fewer than `SEVERAL` generators or corpora, of other people alone.

    Raises:
        ValueError: There are too few people for that.
    """
    held: set[str] = set()
    counts = [len({clip.generator for clip in clips if clip.fake is fake}) for fake in (False, True)]
    named = "generator" if min(counts) >= SEVERAL else "group"
    for fake in (False, True):
        names = sorted({getattr(clip, named) for clip in clips if clip.fake is fake})
        free = [one for one in names if one not in held]  # people of pairs stand on both sides
        missing = max(1, round(len(names) * held_out)) - (len(names) - len(free))
        held |= {free[int(i)] for i in rng.permutation(len(free))[: max(0, missing)]}
    aside = [clip for clip in clips if getattr(clip, named) in held]
    people = {clip.group for clip in aside}
    learn = [clip for clip in clips if getattr(clip, named) not in held and clip.group not in people]
    if any({clip.fake for clip in part} != {True, False} for part in (learn, aside)):
        raise ValueError("the heads need at least two people each in genuine and in manipulated clips")
    return learn, aside


def _persons(head: LandmarkHead, windows: Sequence[Window], noise: float = 0.0) -> Tensor:
    """float (B,): the mean of all steps of each."""
    strands = [steps for window in windows for steps in window.strands]
    owners = torch.tensor([at for at, window in enumerate(windows) for _ in window.strands])
    lengths = torch.tensor([len(steps) for steps in strands])
    steps = pad_sequence(strands, batch_first=True)
    if noise:
        steps = steps + noise * torch.randn_like(steps)
    logits = head(steps, lengths, torch.stack([window.summary for window in windows])[owners])
    total = torch.zeros(len(windows)).index_add(0, owners, logits.sum(dim=1))
    result: Tensor = total / torch.zeros(len(windows)).index_add(0, owners, lengths.float())
    return result


def _loss(persons: Tensor, clips: Sequence[MovingClip]) -> Tensor:
    target = torch.tensor([1 - SMOOTHING / 2 if clip.fake else SMOOTHING / 2 for clip in clips])
    return functional.binary_cross_entropy_with_logits(persons, target)


@torch.no_grad()
def _loss_of(head: LandmarkHead, windows: Sequence[Window], clips: Sequence[MovingClip]) -> float:
    head.eval()
    return float(_loss(_persons(head, windows), clips))


def _shrink(
    head: LandmarkHead, windows: Sequence[Window], clips: Sequence[MovingClip]
) -> tuple[LandmarkHead, float, float]:
    found = []
    for share in SHARES:
        scaled = copy.deepcopy(head)
        with torch.no_grad():
            scaled.temporal.weight.mul_(share)
            scaled.step.weight.mul_(share)
        found.append((_loss_of(scaled, windows, clips), share, scaled))
    loss, share, scaled = min(found, key=lambda item: item[0])
    return scaled, share, loss
