"""DenseNet-121 with the stem for small images."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape

GROWTH = 32
DEPTHS = (6, 12, 24, 16)


class DenseNet121(nn.Module):
    """DenseNet-121 for small images: 58 dense layers of growth 32, 6,956,298 parameters for 10 classes, 3 channels.

    DenseNet-BC of Huang et al., CVPR 2017 (arXiv 1608.06993), Table 1, behind a 3x3 stem of stride 1 without pooling:
    blocks of 6, 12, 24 and 16 layers at 32, 16, 8 and 4 pixels, compression 0.5 between them, 1024 features at the end.
    The transitions are batch normalisation, 1x1 convolution and average pooling, without the ReLU that some
    implementations add.

    Reads images of any side from 8 on, which three halvings need; raises ValueError below.
    """

    required_size: ClassVar[int | None] = None

    def __init__(self, *, num_classes: int, in_channels: int = 3, image_size: int = 32):
        super().__init__()
        require_input_shape(
            "DenseNet121", num_classes=num_classes, in_channels=in_channels, image_size=image_size, smallest_size=8
        )
        channels = 2 * GROWTH
        layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, kernel_size=3, padding=1, bias=False)]
        for block, depth in enumerate(DEPTHS):
            if block > 0:
                layers.append(_transition(channels, channels // 2))
                channels //= 2
            for _ in range(depth):
                layers.append(_DenseLayer(channels))
                channels += GROWTH
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.classifier(self.features(images).mean(dim=(2, 3)))


class _DenseLayer(nn.Module):
    """Appends 32 channels to the features, computed from all of them through a bottleneck of 128."""

    def __init__(self, in_channels: int):
        super().__init__()
        self.growth = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, 4 * GROWTH, kernel_size=1, bias=False),
            nn.BatchNorm2d(4 * GROWTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * GROWTH, GROWTH, kernel_size=3, padding=1, bias=False),
        )

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch grown_channels height width"]:
        return torch.cat((features, self.growth(features)), dim=1)


def _transition(in_channels: int, out_channels: int) -> nn.Sequential:
    """Between two blocks: half the channels, half the side."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
        nn.AvgPool2d(2),
    )
