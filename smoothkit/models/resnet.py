"""Residual networks with the stem for small images."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape


class ResNet(nn.Module):
    """The residual network for small images, which ResNet18, 34, 50 and 101 make concrete.

    A 3x3 stem of stride 1 with 64 channels and no max-pooling; four stages of widths 64, 128, 256 and 512, the first at
    full resolution and each later one at half of it; global average pooling and one linear layer. Source: He et al.,
    CVPR 2016 (arXiv 1512.03385), Table 1, with the stem of its CIFAR-10 networks (section 4.2). Where a stage changes
    the shape, the shortcut is a 1x1 convolution with batch normalisation (option B).

    Reads images of any side: 64x64 ends at 8x8 before the pooling. `image_size` is checked, and changes nothing else.
    """

    required_size: ClassVar[int | None] = None
    depths: ClassVar[tuple[int, int, int, int]]
    bottleneck: ClassVar[bool]

    def __init__(self, *, num_classes: int, in_channels: int = 3, image_size: int = 32):
        super().__init__()
        require_input_shape(
            type(self).__name__, num_classes=num_classes, in_channels=in_channels, image_size=image_size
        )
        expansion = 4 if self.bottleneck else 1
        layers = [*_convolution(in_channels, 64, kernel_size=3), nn.ReLU(inplace=True)]
        channels = 64
        for width, depth, first_stride in zip((64, 128, 256, 512), self.depths, (1, 2, 2, 2), strict=True):
            for index in range(depth):
                stride = first_stride if index == 0 else 1
                layers.append(_ResidualBlock(channels, width, width * expansion, stride, bottleneck=self.bottleneck))
                channels = width * expansion
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.classifier(self.features(images).mean(dim=(2, 3)))


class ResNet18(ResNet):
    """ResNet-18 for small images: 8 basic blocks behind a 3x3 stem, 11,173,962 parameters for 10 classes, 3 channels.

    He et al., CVPR 2016 (arXiv 1512.03385). Reads images of any side.
    """

    depths: ClassVar[tuple[int, int, int, int]] = (2, 2, 2, 2)
    bottleneck: ClassVar[bool] = False


class ResNet34(ResNet):
    """ResNet-34 for small images: 16 basic blocks behind a 3x3 stem, 21,282,122 parameters for 10 classes, 3 channels.

    He et al., CVPR 2016 (arXiv 1512.03385). Reads images of any side.
    """

    depths: ClassVar[tuple[int, int, int, int]] = (3, 4, 6, 3)
    bottleneck: ClassVar[bool] = False


class ResNet50(ResNet):
    """ResNet-50 for small images: 16 bottlenecks behind a 3x3 stem, 23,520,842 parameters for 10 classes, 3 channels.

    He et al., CVPR 2016 (arXiv 1512.03385), with the stride on the 3x3 convolution. Reads images of any side.
    """

    depths: ClassVar[tuple[int, int, int, int]] = (3, 4, 6, 3)
    bottleneck: ClassVar[bool] = True


class ResNet101(ResNet):
    """ResNet-101 for small images: 33 bottlenecks behind a 3x3 stem, 42,512,970 parameters for 10 classes, 3 channels.

    He et al., CVPR 2016 (arXiv 1512.03385), with the stride on the 3x3 convolution. Reads images of any side.
    """

    depths: ClassVar[tuple[int, int, int, int]] = (3, 4, 23, 3)
    bottleneck: ClassVar[bool] = True


class _ResidualBlock(nn.Module):
    """relu(residual(x) + shortcut(x)): two 3x3 convolutions, or 1x1, 3x3 and 1x1 in a bottleneck."""

    def __init__(self, in_channels: int, width: int, out_channels: int, stride: int, *, bottleneck: bool):
        super().__init__()
        if bottleneck:
            self.residual = nn.Sequential(
                *_convolution(in_channels, width, kernel_size=1),
                nn.ReLU(inplace=True),
                *_convolution(width, width, kernel_size=3, stride=stride),
                nn.ReLU(inplace=True),
                *_convolution(width, out_channels, kernel_size=1),
            )
        else:
            self.residual = nn.Sequential(
                *_convolution(in_channels, width, kernel_size=3, stride=stride),
                nn.ReLU(inplace=True),
                *_convolution(width, out_channels, kernel_size=3),
            )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(*_convolution(in_channels, out_channels, kernel_size=1, stride=stride))

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        # Batch normalisation keeps its input for the backward pass and not its output, so the sum and the ReLU may
        # both overwrite it: the end of a block then allocates one activation instead of three.
        activations = self.residual(features)
        activations += self.shortcut(features)
        return activations.relu_()


def _convolution(in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size at stride 1, and its batch normalisation, whose shift replaces the bias."""
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
