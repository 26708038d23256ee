"""What the second look is made of: two networks, each with a view of its own. Imports no torch."""

from __future__ import annotations

from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS as TIGHT_CHANNELS
from ml_app.detection.networks.vision_transformer_shape import CHANNELS as TOKEN_CHANNELS

SECOND_LOOK = "efficientnet_lite0_dinov2_stages"  # the name among backbones

TIGHT_SIDE = 160  # pixels, as the network that sees the face alone learned it
TIGHT_SHARE = 1.1 / 1.42  # of the crop's side: its margin, and that of the detectors it stands beside
GRID = 10  # patches a side that the transformer sees: 140 pixels
BLOCKS = (6, 9)  # after which its tokens are read; those after the ninth are not needed
MOMENTS = 2  # mean and standard deviation over the patches

CHANNELS = TIGHT_CHANNELS + len(BLOCKS) * MOMENTS * TOKEN_CHANNELS
