"""What the second look is made of: two networks, each with a view of its own. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS as TIGHT_CHANNELS
from ml_app.detection.networks.vision_transformer_shape import CHANNELS as TOKEN_CHANNELS

TIGHT_SIDE = 160  # pixels, as the network that sees the face alone learned it
TIGHT_SHARE = 1.1 / 1.42  # of the crop's side: its margin, and that of the detectors it stands beside
BLOCKS = (6, 9)  # after which the transformer's tokens are read; those after the ninth are not needed
TOKENS_FROM = TIGHT_CHANNELS  # where in an embedding the tokens' figures begin
MOMENTS = 2  # mean and standard deviation over the patches

Region = tuple[int, int, int, int]  # first and last row and column of patches, the last ones not included


@dataclass(frozen=True, slots=True)
class SecondShape:
    """How the transformer looks: at so many patches a side, of 14 pixels, and where its tokens are read."""

    grid: int
    regions: tuple[Region, ...]

    @property
    def channels(self) -> int:
        """Of an embedding: the network that sees the face alone, then block by block, region by region."""
        return TIGHT_CHANNELS + len(BLOCKS) * len(self.regions) * MOMENTS * TOKEN_CHANNELS


# By the name among backbones. Crops are squares about the landmarks: a mouth is at the same place in all.
SECOND_LOOKS = {
    "efficientnet_lite0_dinov2_stages": SecondShape(10, ((0, 10, 0, 10),)),  # that of version 5
    "efficientnet_lite0_dinov2_mouth": SecondShape(16, ((0, 16, 0, 16), (8, 12, 5, 11))),
}
SECOND_LOOK = "efficientnet_lite0_dinov2_mouth"  # the one that is given to detectors
