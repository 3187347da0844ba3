"""Wide residual networks for small images."""

from typing import Annotated, ClassVar

from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape


class WideResNet(nn.Module):
    """WRN-depth-widen for small images: pre-activation blocks of two 3x3 convolutions, in three stages.

    By default WRN-28-2, with 1,467,610 parameters for 10 classes and 3 channels: the network of most tables of
    semi-supervised CIFAR-10, where released code often has leaky ReLU and slower running statistics instead of what
    the source has. A 3x3 stem with 16 channels; (depth - 4) / 6 blocks of 16, 32 and 64 times `widen` channels, the
    first stage at full resolution and each later one at half of it; batch normalisation, ReLU, global average pooling
    and one linear layer. Source: Zagoruyko and Komodakis, BMVC 2016 (arXiv 1605.07146), Table 1, without dropout.
    Where a block changes the number of channels, its shortcut is a 1x1 convolution behind the first ReLU.

    Reads images of any side: 32x32 ends at 8x8 before the pooling. `image_size` is checked, and changes nothing else.

    Raises ValueError for a depth that is not 6n + 4 with n of at least 1, and for a `widen` below 1.

    >>> model = WideResNet(num_classes=10, depth=40)
    >>> sum(parameter.numel() for parameter in model.parameters())
    2243546
    """

    required_size: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 32,
        depth: Annotated[int, Ge(10)] = 28,
        widen: Annotated[int, Ge(1)] = 2,
    ):
        super().__init__()
        require_input_shape("WideResNet", num_classes=num_classes, in_channels=in_channels, image_size=image_size)
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"WideResNet: depth must be 6n + 4, as 10, 16, 22, 28 or 40, got {depth}")
        if widen < 1:
            raise ValueError(f"WideResNet: widen must be at least 1, got {widen}")
        channels = 16
        layers: list[nn.Module] = [_convolution(in_channels, channels)]
        for width, first_stride in zip((16 * widen, 32 * widen, 64 * widen), (1, 2, 2), strict=True):
            for index in range((depth - 4) // 6):
                layers.append(_PreActivationBlock(channels, width, first_stride if index == 0 else 1))
                channels = width
        self.features = nn.Sequential(*layers, *_activation(channels))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.classifier(self.features(images).mean(dim=(2, 3)))


class _PreActivationBlock(nn.Module):
    """residual(a(x)) + x, with a(x) the ReLU of the normalised x; shortcut(a(x)) for x where the channels change.

    Only blocks that change the channels may halve the side.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.activation = nn.Sequential(*_activation(in_channels))
        self.residual = nn.Sequential(
            _convolution(in_channels, out_channels, stride=stride),
            *_activation(out_channels),
            _convolution(out_channels, out_channels),
        )
        self.shortcut = None
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        active = self.activation(features)
        # A convolution keeps its input for the backward pass and not its output, so the sum may overwrite it.
        sums = self.residual(active)
        sums += features if self.shortcut is None else self.shortcut(active)
        return sums


def _activation(channels: int) -> list[nn.Module]:
    """Batch normalisation, which allocates what ReLU may then overwrite."""
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _convolution(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Module:
    """A 3x3 convolution that keeps the size at stride 1; the shift of a later normalisation replaces its bias."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
