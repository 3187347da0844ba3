"""AlexNet cut down to 32x32 images."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape


class AlexNet(nn.Module):
    """AlexNet for 32x32 images: five convolutions and one linear layer, without normalisation or dropout.

    2,472,266 parameters for 10 classes and 3 channels. The network of LS++'s CIFAR-10 table (Chhabra et al., BMVC
    2024): the convolutions of Krizhevsky's one-tower AlexNet (arXiv 1404.5997) with 2x2 pooling, which end at one
    256-dimensional feature per image.

    Raises ValueError for any image_size but 32.
    """

    required_size: ClassVar[int | None] = 32

    def __init__(self, *, num_classes: int, in_channels: int = 3, image_size: int = 32):
        super().__init__()
        require_input_shape(
            "AlexNet",
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size,
            required_size=self.required_size,
        )
        # max(relu(x)) = relu(max(x)), so pooling first gives the same numbers and leaves ReLU a quarter of the work.
        # Only those behind pooling are in place: autograd refuses to overwrite the output of a layer with backward
        # hooks, and per-sample gradients (DP-SGD) hook every layer that has parameters.
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 64, kernel_size=11, stride=4, padding=5),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Linear(256, num_classes)

    def forward(self, images: Float[Tensor, "batch channels 32 32"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.classifier(self.features(images).flatten(1))
