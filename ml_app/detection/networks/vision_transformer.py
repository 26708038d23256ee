"""A vision transformer (Dosovitskiy et al., ICLR 2021) as DINOv2 has it (Oquab et al., arXiv 2304.07193).

The small one: patches of 14 pixels, 384 channels, twelve blocks of six heads, scaled residuals. Parameters
have the names of the published files, so that their weights fit. Positions were learned on a grid of 37 by 37
patches and are interpolated to the picture's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_app.detection.networks.vision_transformer_shape import (
    CELL,
    CHANNELS,
    DEPTH,
    EPSILON,
    GRID,
    HEADS,
    PATCH,
    STRIDE,
    WIDER,
    pixels_to,
)


class Attention(nn.Module):
    """Self-attention over all tokens."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """float (B, N, C) → float (B, N, C)."""
        batch, count, _ = tokens.shape
        parts = self.qkv(tokens).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts.unbind(0))
        result: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return result


class Perceptron(nn.Module):
    """Two layers for each token by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, WIDER * channels), nn.Linear(WIDER * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """float (B, N, C) → float (B, N, C)."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return result


class LayerScale(nn.Module):
    """A learned factor for each channel (Touvron et al., ICCV 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """float (B, N, C) → float (B, N, C)."""
        return tokens * self.gamma


class Block(nn.Module):
    """Attention, then a perceptron; each sees what is normalised, and is scaled before it is added."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(channels, EPSILON), Attention(channels, heads)
        self.ls1 = LayerScale(channels)
        self.norm2, self.mlp = nn.LayerNorm(channels, EPSILON), Perceptron(channels)
        self.ls2 = LayerScale(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """float (B, N, C) → float (B, N, C)."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        result: Tensor = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return result


class PatchEmbedding(nn.Module):
    """Patches of a picture as tokens."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, PATCH, PATCH)

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, 3, H, W) → float (B, H/14 · W/14, C), row by row."""
        result: Tensor = self.proj(inputs).flatten(2).transpose(1, 2)
        return result


class VisionTransformer(nn.Module):
    """Pictures → a feature map: at each patch its own token, followed by that of the whole picture."""

    def __init__(
        self, channels: int = CHANNELS, depth: int = DEPTH, heads: int = HEADS, grid: int = GRID
    ) -> None:
        super().__init__()
        self.grid = grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, channels))
        self.patch_embed = PatchEmbedding(channels)
        self.blocks = nn.ModuleList(Block(channels, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(channels, EPSILON)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, 3, H, W), multiples of 32 → float (B, 2 · channels, H/32, W/32).

        The picture is made smaller by an eighth first, so that two by two patches cover a place of the map.

        Raises:
            ValueError: Height or width is no multiple of 32.
        """
        rows, columns = inputs.shape[2] // STRIDE, inputs.shape[3] // STRIDE
        if inputs.shape[2:] != (rows * STRIDE, columns * STRIDE):
            raise ValueError(
                f"a vision transformer wants multiples of {STRIDE} px a side, not {tuple(inputs.shape[2:])}"
            )
        height, width = CELL * rows, CELL * columns
        tokens = self.tokens(resized(inputs, height * PATCH, width * PATCH))
        patches = tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, height, width)
        whole = tokens[:, 0, :, None, None].expand(-1, -1, rows, columns)
        return torch.cat([functional.avg_pool2d(patches, CELL), whole], dim=1)

    def tokens(self, inputs: Tensor) -> Tensor:
        """float (B, 3, H, W), multiples of 14 → float (B, 1 + H/14 · W/14, channels): the whole's, then each
        patch's, row by row, normalised."""
        normalised: Tensor = self.norm(self.after_blocks(inputs, [len(self.blocks)])[0])
        return normalised

    def after_blocks(self, inputs: Tensor, numbers: Sequence[int]) -> list[Tensor]:
        """The same, not normalised, after each of these blocks, counted from 1 and ascending."""
        height, width = inputs.shape[2] // PATCH, inputs.shape[3] // PATCH
        patches = self.patch_embed(inputs)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1).to(patches.dtype), patches], dim=1)
        tokens = tokens + self._positions(height, width).to(tokens.dtype)
        found = []
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if number in numbers:
                found.append(tokens)
        return found

    def _positions(self, height: int, width: int) -> Tensor:
        learned = self.pos_embed[:, 1:].float().transpose(1, 2)
        square = learned.reshape(1, -1, self.grid, self.grid)
        fitted = functional.interpolate(square, (height, width), mode="bicubic", align_corners=False)
        return torch.cat([self.pos_embed[:, :1].float(), fitted.flatten(2).transpose(1, 2)], dim=1)


def resized(inputs: Tensor, height: int, width: int, share: float = 1.0) -> Tensor:
    """The middle of pictures at another size: float (B, C, H, W) → float (B, C, height, width).

    `share`: of each side that is seen.
    """
    down, across = (
        torch.from_numpy(pixels_to(size, given, share)).to(inputs.device, inputs.dtype)
        for size, given in ((height, inputs.shape[2]), (width, inputs.shape[3]))
    )
    return down @ inputs @ across.T
