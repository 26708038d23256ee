"""Gradients of a batch, worked out by several threads that each take a part of it.

One thread for each part, with all operations inside it on one core, loses far less than operations that are
split over the cores one by one: there is one meeting a step instead of hundreds, and on a busy machine every
meeting waits for the slowest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from ml_app.training.fitting.batches import Batch
from ml_app.training.fitting.classifier import FrameClassifier, Outputs
from ml_app.training.fitting.freezing import learn_mode

# Threads would draw in an order of their own, and a training could not be repeated.
BY_CHANCE = (StochasticDepth, nn.Dropout)

Loss = Callable[[Outputs, Batch], Tensor]


class Gradients:
    """Fills a model's `.grad` with the mean of its parts' gradients.

    Batch normalisation takes the statistics of each part by itself; the running ones are the first part's.
    The result does not depend on timing.
    """

    def __init__(self, model: FrameClassifier, loss: Loss, workers: int) -> None:
        self._model, self._loss = model, loss
        self._replicas = [model] + [copy.deepcopy(model) for _ in range(workers - 1)]
        if workers > 1 and any(isinstance(module, BY_CHANCE) for module in model.modules()):
            raise ValueError("this backbone has layers that are left out by chance; set workers to 1")
        self._pool = ThreadPoolExecutor(workers)
        if workers > 1:
            torch.set_num_threads(1)

    def of(self, batch: Batch) -> tuple[float, float]:
        """Work out the gradients; returns the loss and the accuracy of the batch."""
        self._copy_weights()
        parts = split(batch, len(self._replicas))
        results = list(self._pool.map(self._work, self._replicas, parts))
        share = 1 / len(parts)
        for parameters in zip(*(replica.parameters() for replica in self._replicas), strict=True):
            first = parameters[0]
            for other in parameters[1:]:
                if first.grad is not None and other.grad is not None:
                    first.grad.add_(other.grad)
            if first.grad is not None and len(parts) > 1:
                first.grad.mul_(share)
        return sum(r[0] for r in results) * share, sum(r[1] for r in results) * share

    def _work(self, model: FrameClassifier, part: Batch) -> tuple[float, float]:
        if len(self._replicas) > 1:
            torch.set_num_threads(1)  # counts for the calling thread
        learn_mode(model)
        device = next(model.parameters()).device
        part = part.to(device)
        outputs = model.outputs(part.images)
        loss = self._loss(outputs, part)
        model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        accuracy = ((outputs.logits.detach() > 0) == (part.fake > 0.5)).float().mean()
        return float(loss.detach()), float(accuracy)

    @torch.no_grad()
    def _copy_weights(self) -> None:
        weights = list[Tensor](self._model.parameters())
        for replica in self._replicas[1:]:
            torch._foreach_copy_(list[Tensor](replica.parameters()), weights)


def split(batch: Batch, parts: int) -> list[Batch]:
    """Deal the pairs of a batch out; each part holds its genuine faces first, then their partners."""

    def part(whole: Tensor, number: int) -> Tensor:
        genuine, manipulated = whole.chunk(2)
        return torch.cat([genuine[number::parts], manipulated[number::parts]])

    return [
        Batch(
            part(batch.images, i),
            part(batch.fake, i),
            batch.twins[i::parts],
            None if batch.large is None else part(batch.large, i),
        )
        for i in range(parts)
    ]
