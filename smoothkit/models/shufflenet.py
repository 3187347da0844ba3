"""ShuffleNet V2 1.0x with the stem for small images."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape

WIDTHS = (116, 232, 464)
DEPTHS = (4, 8, 4)


class ShuffleNetV2(nn.Module):
    """ShuffleNet V2 1.0x for small images: 16 units behind a 3x3 stem, 1,268,646 parameters for 10 classes, 3 channels.

    Ma et al., ECCV 2018 (arXiv 1807.11164), Figure 3 and Table 5, behind a 3x3 stem of stride 1 with 24 channels, batch
    normalisation and neither ReLU nor pooling; stages of 4, 8 and 4 units with 116, 232 and 464 channels, each starting
    with stride 2; a 1x1 convolution to 1024. This is the "ShuffleNet" of the LS++ paper (Chhabra et al., BMVC 2024),
    which cites version 1; as there, every convolution has a bias, although batch normalisation follows it.

    Reads images of any side. `image_size` is checked, and changes nothing else.
    """

    required_size: ClassVar[int | None] = None

    def __init__(self, *, num_classes: int, in_channels: int = 3, image_size: int = 32):
        super().__init__()
        require_input_shape("ShuffleNetV2", num_classes=num_classes, in_channels=in_channels, image_size=image_size)
        channels = 24
        layers: list[nn.Module] = _spatial(in_channels, channels)
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            layers += [_DownUnit(channels, width), *(_SplitUnit(width) for _ in range(depth - 1))]
            channels = width
        self.features = nn.Sequential(*layers, *_pointwise(channels, 1024))
        self.classifier = nn.Linear(1024, num_classes)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.classifier(self.features(images).mean(dim=(2, 3)))


class _SplitUnit(nn.Module):
    """One half of the channels passes unchanged, the other through a depthwise bottleneck (Figure 3c)."""

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            *_pointwise(half, half), *_spatial(half, half, groups=half), *_pointwise(half, half)
        )

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        kept, changed = features.chunk(2, dim=1)
        return _shuffle(kept, self.branch(changed))


class _DownUnit(nn.Module):
    """Both branches read all channels and halve the side (Figure 3d)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        half = out_channels // 2
        self.short = nn.Sequential(
            *_spatial(in_channels, in_channels, stride=2, groups=in_channels), *_pointwise(in_channels, half)
        )
        self.long = nn.Sequential(
            *_pointwise(in_channels, in_channels),
            *_spatial(in_channels, in_channels, stride=2, groups=in_channels),
            *_pointwise(in_channels, half),
        )

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        return _shuffle(self.short(features), self.long(features))


def _shuffle(
    left: Float[Tensor, "batch half height width"], right: Float[Tensor, "batch half height width"]
) -> Float[Tensor, "batch channels height width"]:
    """Both branches with their channels interleaved: left 0, right 0, left 1, ...

    This is the channel shuffle of their concatenation, in one copy instead of two.
    """
    return torch.stack((left, right), dim=2).flatten(1, 2)


def _pointwise(in_channels: int, out_channels: int) -> list[nn.Module]:
    """A 1x1 convolution, batch normalisation and ReLU."""
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


def _spatial(in_channels: int, out_channels: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A 3x3 convolution and batch normalisation, with no ReLU behind it."""
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, groups=groups),
        nn.BatchNorm2d(out_channels),
    ]
