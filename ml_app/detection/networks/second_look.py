"""The second look at a few of a person's frames: what errs elsewhere than the first network does.

EfficientNet-Lite0 that sees the face alone, and a vision transformer that learned to see without labels
(DINOv2), of which nothing was taught: means and deviations of its tokens, after two of its blocks, are read,
over the whole crop and, where the shape says so, over a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ml_app.detection.networks.efficientnet_lite import efficientnet_lite
from ml_app.detection.networks.second_look_shape import (
    BLOCKS,
    SECOND_LOOK,
    SECOND_LOOKS,
    TIGHT_SHARE,
    TIGHT_SIDE,
)
from ml_app.detection.networks.vision_transformer import VisionTransformer, resized
from ml_app.detection.networks.vision_transformer_shape import PATCH


class SecondLook(nn.Module):
    """Face crops with the margin of `second_look_shape` → embeddings, as maps of a single place."""

    def __init__(self, name: str = SECOND_LOOK) -> None:
        """Build it from random weights; `name`: of `SECOND_LOOKS`."""
        super().__init__()
        self.shape = SECOND_LOOKS[name]
        self.tight, self.transformer = efficientnet_lite(0), VisionTransformer(depth=max(BLOCKS))

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, 3, H, W), normalised → float (B, channels, 1, 1)."""
        alone = self.tight(resized(inputs, TIGHT_SIDE, TIGHT_SIDE, TIGHT_SHARE)).mean(dim=(2, 3))
        together = torch.cat([alone, self.moments(inputs)], dim=1)
        return together[:, :, None, None]

    def moments(self, inputs: Tensor) -> Tensor:
        """What the transformer sees: float (B, blocks · regions · 2 · its channels), mean and deviation."""
        side = self.shape.grid * PATCH
        seen = self.transformer.after_blocks(resized(inputs, side, side), BLOCKS)
        return torch.cat([part for tokens in seen for part in self._moments(tokens[:, 1:])], dim=1)

    def _moments(self, tokens: Tensor) -> Iterator[Tensor]:
        grid = self.shape.grid
        square = tokens.reshape(len(tokens), grid, grid, -1)
        for top, bottom, left, right in self.shape.regions:
            region = square[:, top:bottom, left:right].flatten(1, 2)
            yield region.mean(1)
            yield region.std(1)
