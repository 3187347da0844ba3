"""Random square holes."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Bool
from torch import Tensor

from smoothkit.augment.base import Augmentation, Images, Labels


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Set one square of each image to zero after normalisation, that is to the mean colour.

    The centre is uniform over all pixels, so that the square may be cut by the border (DeVries and Taylor,
    arXiv:1708.04552, who use 16 pixels on CIFAR-10, 8 on CIFAR-100 and 20 on SVHN).

    Raises:
        ValueError: `size` is less than 1, or the samples are not images.
    """

    size: Annotated[int, Ge(1)] = 16
    """Side of the square in pixels; at least 1."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"cutout: size is {self.size}; expected at least 1")

    def batch(
        self, images: Images, labels: Labels, generator: torch.Generator, num_classes: int
    ) -> tuple[Images, Labels]:
        """Cut one hole into each image; labels stay."""
        if images.ndim != 4:
            raise ValueError(f"cutout: samples have shape {tuple(images.shape[1:])}; expected images (C, H, W)")
        batch, _, height, width = images.shape
        inside_rows = self._interval(batch, height, generator).to(images.device)
        inside_columns = self._interval(batch, width, generator).to(images.device)
        hole = inside_rows.unsqueeze(2) & inside_columns.unsqueeze(1)
        return images.masked_fill(hole.unsqueeze(1), 0.0), labels

    def _interval(self, batch: int, side: int, generator: torch.Generator) -> Bool[Tensor, "batch side"]:
        centre = torch.randint(side, (batch, 1), generator=generator, device=generator.device)
        offset = torch.arange(side, device=centre.device) - (centre - self.size // 2)
        return (offset >= 0) & (offset < self.size)
