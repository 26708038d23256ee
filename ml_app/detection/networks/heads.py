"""The registry of heads: networks that turn one person's embeddings into scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from ml_app.detection.networks.published import PublishedConfig, PublishedHead
from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead, SequenceScores

SEQUENCE = "resnext50_lstm"
PUBLISHED = "published_resnext50_lstm"

HEADS: dict[str, Callable[[dict[str, int]], nn.Module]] = {
    SEQUENCE: lambda dimensions: SequenceHead(HeadConfig(**dimensions)),
    PUBLISHED: lambda dimensions: PublishedHead(PublishedConfig(**dimensions)),
}


def sequence_architecture(backbone: str) -> str:
    """The name of a `SequenceHead` on a backbone, such as "resnext50_lstm" or "efficientnet_lstm"."""
    return f"{backbone.partition('_')[0]}_lstm"


def build_head(architecture: str, dimensions: dict[str, int]) -> nn.Module:
    """Build a head from the dimensions in its checkpoint.

    Any other "…_lstm" than those of `HEADS` is a `SequenceHead` on another backbone. Every head is a module
    of (embeddings (B, T, C), lengths (B,)) → `SequenceScores`.

    Raises:
        KeyError: The architecture is not registered.
        TypeError: The dimensions are not those of the architecture.
    """
    if architecture not in HEADS and architecture.endswith("_lstm"):
        architecture = SEQUENCE
    return HEADS[architecture](dimensions)


def run_head(head: nn.Module, embeddings: Tensor, lengths: Tensor) -> SequenceScores:
    """Call a head, with the types of its contract."""
    return cast(SequenceScores, head(embeddings, lengths))
