"""Gaussian noise on every number of a sample."""

from dataclasses import dataclass
from math import inf
from typing import Annotated

import torch
from annotated_types import Ge

from smoothkit.augment.base import Augmentation, Images, Labels


@dataclass(frozen=True)
class Noise(Augmentation):
    """Add independent normal numbers of mean 0 to images or features, after normalisation; labels stay.

    Raises:
        ValueError: `std` is negative or not finite.
    """

    std: Annotated[float, Ge(0)] = 0.1
    """Standard deviation, where that of each channel, or feature, is 1 over the training set; at least 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.std < inf:
            raise ValueError(f"noise: std is {self.std}; expected at least 0")

    def batch(
        self, images: Images, labels: Labels, generator: torch.Generator, num_classes: int
    ) -> tuple[Images, Labels]:
        """Add noise to all samples."""
        noise = torch.randn(images.shape, generator=generator, device=generator.device)
        return images.add(noise.to(images.device), alpha=self.std), labels
