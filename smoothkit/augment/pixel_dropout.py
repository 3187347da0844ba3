"""Single pixels, or features, set to their mean."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval

from smoothkit.augment.base import Augmentation, Images, Labels, check_probability


@dataclass(frozen=True)
class PixelDropout(Augmentation):
    """Set each pixel of an image, in all channels, or each feature to 0 with a probability; labels stay.

    After normalisation 0 is the mean of the training set. What is left is not scaled up, as dropout's would be: the
    network is to see the sample with holes (the masking noise of Vincent et al., ICML 2008).

    Raises:
        ValueError: `rate` is outside 0 to 1.
    """

    rate: Annotated[float, Interval(ge=0, le=1)] = 0.1
    """How likely a pixel is set to 0; 0 to 1."""

    def __post_init__(self) -> None:
        check_probability("pixel-dropout", "rate", self.rate)

    def batch(
        self, images: Images, labels: Labels, generator: torch.Generator, num_classes: int
    ) -> tuple[Images, Labels]:
        """Drop pixels of all samples."""
        shape = list(images.shape)
        if images.ndim == 4:
            shape[1] = 1
        dropped = torch.rand(shape, generator=generator, device=generator.device) < self.rate
        return images.masked_fill(dropped.to(images.device), 0.0), labels
