"""LeNet-5 with ReLU and max-pooling, for 32x32 images."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max-pooling: two 5x5 convolutions and three linear layers, for 32x32 images.

    62,006 parameters for 10 classes and 3 channels. The network of LS++'s FashionMNIST and SVHN tables
    (Chhabra et al., BMVC 2024); the layout follows LeCun et al., Proc. IEEE 1998, Figure 2.

    Raises ValueError for any image_size but 32.
    """

    required_size: ClassVar[int | None] = 32

    def __init__(self, *, num_classes: int, in_channels: int = 3, image_size: int = 32):
        super().__init__()
        require_input_shape(
            "LeNet",
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size,
            required_size=self.required_size,
        )
        # max(relu(x)) = relu(max(x)), so pooling first gives the same numbers and leaves ReLU a quarter of the work.
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
        )
        # Here ReLU is not in place: autograd refuses to overwrite the output of a layer with backward hooks, and
        # per-sample gradients (DP-SGD) hook every layer that has parameters.
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, num_classes),
        )

    def forward(self, images: Float[Tensor, "batch channels 32 32"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.classifier(self.features(images))
