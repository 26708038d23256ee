"""Residual networks (He et al., CVPR 2016; ResNeXt: Xie et al., CVPR 2017) up to their last feature map.

The same layers under the same names as torchvision's, whose weights fit. Written out because importing
torchvision takes longer than finding the faces of a video, and 150 MB.
"""

from __future__ import annotations

from torch import Tensor, nn

BLOCKS_50 = (3, 4, 6, 3)
EXPANSION = 4  # channels at the end of a block as a multiple of its planes


class Bottleneck(nn.Module):
    """Convolutions of 1, 3 and 1 pixels beside a shortcut; the stride lies on the middle one."""

    def __init__(self, channels: int, planes: int, stride: int, groups: int, group_width: int) -> None:
        super().__init__()
        width, out = planes * group_width // 64 * groups, planes * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out))

    def forward(self, inputs: Tensor) -> Tensor:
        """float (B, channels, H, W) → float (B, planes * EXPANSION, H / stride, W / stride)."""
        shortcut = inputs if self.downsample is None else self.downsample(inputs)
        hidden = self.relu(self.bn1(self.conv1(inputs)))
        hidden = self.relu(self.bn2(self.conv2(hidden)))
        result: Tensor = self.relu(self.bn3(self.conv3(hidden)) + shortcut)
        return result


def resnet(blocks: tuple[int, ...] = BLOCKS_50, *, groups: int = 1, group_width: int = 64) -> nn.Sequential:
    """A residual network from float (B, 3, H, W) to a feature map (B, 2048, H/32, W/32), with random weights.

    Args:
        blocks: How many in each of the four stages.
        groups: Of the middle convolutions; 32 of width 4 make a ResNeXt "32x4d".
        group_width: Channels of each group in the first stage.
    """
    stages, channels = [], 64
    for number, count in enumerate(blocks):
        planes, stage = 64 * 2**number, []
        for place in range(count):
            stride = 2 if number and not place else 1
            stage.append(Bottleneck(channels, planes, stride, groups, group_width))
            channels = planes * EXPANSION
        stages.append(nn.Sequential(*stage))
    stem = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
    network = nn.Sequential(
        stem, nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1), *stages
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
