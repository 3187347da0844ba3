"""The multilayer perceptron."""

from itertools import pairwise
from typing import Annotated, ClassVar

from annotated_types import Interval
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.models.input_shape import require_input_shape


class MLP(nn.Module):
    """Fully connected layers with ReLU between them; reads images or plain feature vectors.

    `hidden` holds the width of each hidden layer, from the input on; an empty one leaves multinomial logistic
    regression. For feature vectors (N, D), build it with in_channels=D and image_size=1.

    Raises ValueError for a width below 1.

    >>> model = MLP(num_classes=10, in_channels=1, image_size=8, hidden=(32,))
    >>> sum(parameter.numel() for parameter in model.parameters())
    2410
    """

    required_size: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 32,
        hidden: tuple[Annotated[int, Interval(ge=1)], ...] = (128,),
    ):
        super().__init__()
        require_input_shape("MLP", num_classes=num_classes, in_channels=in_channels, image_size=image_size)
        if any(width < 1 for width in hidden):
            raise ValueError(f"MLP: every width in hidden must be at least 1, got {tuple(hidden)}")
        widths = [in_channels * image_size * image_size, *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for width, next_width in pairwise(widths):
            layers += [nn.Linear(width, next_width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], num_classes))

    def forward(self, images: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch classes"]:
        """The logits of images (N, C, H, W) or of feature vectors (N, D)."""
        return self.layers(images)
