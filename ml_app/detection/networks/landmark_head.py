"""The head of a landmark detector: a one-dimensional CNN and an LSTM over how 68 points move."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ml_app.detection.networks.landmark_motion import KERNEL


@dataclass(frozen=True, slots=True)
class LandmarkConfig:
    """Dimensions of a `LandmarkHead`; they travel in the checkpoint."""

    channels: int  # of a step
    summary: int  # numbers about the whole person
    hidden: int = 16


class LandmarkHead(nn.Module):
    """Steps of one strand → a logit of FAKE for each, what its moment adds.

    A step's logit is a linear reading of the step itself, one of the LSTM's state behind two convolutions,
    and one of the person's summary, which is the same for all steps. The two readings of moments start at
    zero: an untrained head says what the summary says.
    """

    def __init__(self, config: LandmarkConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        inner = config.hidden
        self.first = nn.Conv1d(config.channels, inner, KERNEL, padding=KERNEL // 2)
        self.second = nn.Conv1d(inner, inner, KERNEL, padding=KERNEL // 2)
        self.lstm = nn.LSTM(inner, inner, batch_first=True)
        self.temporal = nn.Linear(inner, 1, bias=False)
        self.step = nn.Linear(config.channels, 1, bias=False)
        self.summary = nn.Linear(config.summary, 1)
        self.dropout = nn.Dropout(dropout)
        for reading in (self.temporal, self.step):
            nn.init.zeros_(reading.weight)

    def forward(self, steps: Tensor, lengths: Tensor, summary: Tensor) -> Tensor:
        """Score strands.

        Args:
            steps: float (B, N, channels), each strand in order of time, padded at its end.
            lengths: int64 (B,), how many steps of each are real, 1..N.
            summary: float (B, summary), of the person whose strand it is.

        Returns:
            float (B, N), zero where padded. Padding changes nothing.
        """
        real = (torch.arange(steps.shape[1])[None, :] < lengths[:, None]).to(steps.dtype)
        steps = steps * real[..., None]
        inner = self.dropout(steps).transpose(1, 2)
        inner = self.dropout(torch.relu(self.first(inner)) * real[:, None])
        inner = self.dropout(torch.relu(self.second(inner)).transpose(1, 2))
        states = self.dropout(self.lstm(inner)[0])  # what is padded comes last and changes no state before it
        logits = (self.temporal(states) + self.step(steps)).squeeze(-1) + self.summary(summary)
        result: Tensor = logits * real
        return result
