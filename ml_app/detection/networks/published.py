"""The head of the published checkpoints, with the arithmetic of the published code.

The published model hands (batch, time, features) to an LSTM that is not batch_first, with one video in the
batch. Each frame is therefore an element of a batch of sequences of length one: the recurrence never sees
time. The prediction is read from the last frame's element. This class does exactly that, frame by frame,
and exists only to honour files that were trained so; `sequence_head` is the architecture for new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ml_app.detection.networks.sequence_head import SequenceScores

FAKE, REAL = 0, 1  # order of the published outputs


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """Dimensions of a `PublishedHead`; they travel in the checkpoint."""

    channels: int = 2048
    hidden: int = 2048


class PublishedHead(nn.Module):
    """Embeddings of a video's frames → a logit of FAKE for each, and the last frame's for the video.

    The logit is the difference of the two outputs, so that its sigmoid is the softmax of class FAKE. Names
    of the parameters are those of the published state dict.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.lstm = nn.LSTM(config.channels, config.hidden, bias=False)
        self.linear1 = nn.Linear(config.hidden, 2)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> SequenceScores:
        """Score frames one by one.

        Args:
            embeddings: float (B, T, channels), each sequence in order of time, padded at its end.
            lengths: int64 (B,), how many frames of each sequence are real, 1..T; all of them by default.

        Returns:
            Logits of FAKE per frame (zero where padded) and, per person, that of the last real frame.
        """
        batch, time, channels = embeddings.shape
        if lengths is None:
            lengths = torch.full((batch,), time, dtype=torch.int64)
        states, _ = self.lstm(embeddings.reshape(1, batch * time, channels))
        outputs = self.linear1(states[0])
        logits = (outputs[:, FAKE] - outputs[:, REAL]).reshape(batch, time)
        lengths = lengths.to(logits.device)
        real = torch.arange(time, device=logits.device)[None, :] < lengths[:, None]
        logits = logits * real
        return SequenceScores(logits, logits.gather(1, (lengths - 1)[:, None]).squeeze(1))
