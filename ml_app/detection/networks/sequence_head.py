"""The head: an LSTM over one person's embeddings that adds what time tells to what each frame tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """Dimensions of a `SequenceHead`; they travel in the checkpoint."""

    channels: int = 2048  # of an embedding
    projection: int = 256
    hidden: int = 128
    varying: int = 0  # of an embedding's last channels, of which nothing but the variation over time is read
    second: int = 0  # channels of another network's embedding, the mean of the few frames that it looks at


class SequenceScores(NamedTuple):
    """Logits of FAKE (positive means fake): `frames` (B, T), zero where padded; `persons` (B,)."""

    frames: Tensor
    persons: Tensor


class SequenceHead(nn.Module):
    """Embeddings of one person's frames, in order of time → a logit per frame and a logit per person.

    A frame's logit is a linear reading of its own embedding plus a linear reading of the LSTM's state at that
    frame. A person's logit is the mean of the frames' logits, so the timeline adds up to the verdict. The
    LSTM's reading starts at zero: an untrained head is the mean of the single frames, and training can only
    add what time tells.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        read = config.channels - config.varying
        self.frame = nn.Linear(read, 1)
        self.project = nn.Linear(read, config.projection)
        self.lstm = nn.LSTM(config.projection, config.hidden, batch_first=True)
        self.temporal = nn.Linear(config.hidden, 1, bias=False)
        nn.init.zeros_(self.temporal.weight)
        # Reads `variation.variation`, which wants the frames' times. Whoever calls the head adds it to every
        # frame's logit, so that the timeline still adds up to the verdict.
        self.variation = nn.Linear(config.varying, 1) if config.varying else None
        self.second = nn.Linear(config.second, 1) if config.second else None  # likewise

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> SequenceScores:
        """Score sequences.

        Args:
            embeddings: float (B, T, channels), each sequence in order of time, padded at its end.
            lengths: int64 (B,), how many frames of each sequence are real, 1..T; all of them by default.

        Returns:
            Logits of FAKE per frame and per person. Padding changes nothing.
        """
        batch, time, _ = embeddings.shape
        embeddings = embeddings[:, :, : self.frame.in_features]
        if lengths is None:
            lengths = torch.full((batch,), time, dtype=torch.int64)
        lengths = lengths.cpu()
        packed = pack_padded_sequence(
            torch.relu(self.project(embeddings)), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=time)
        logits = (self.frame(embeddings) + self.temporal(states)).squeeze(-1)
        real = torch.arange(time)[None, :] < lengths[:, None]
        logits = logits * real.to(logits.device, logits.dtype)
        persons = logits.sum(dim=1) / lengths.to(logits.device, logits.dtype)
        return SequenceScores(logits, persons)
