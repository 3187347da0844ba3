"""Random horizontal flips."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval

from smoothkit.augment.base import Augmentation, Columns, Rows, check_probability, distinct


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror each image left to right, independently, with a probability.

    Raises:
        ValueError: `probability` is outside 0 to 1.
    """

    probability: Annotated[float, Interval(ge=0, le=1)] = 0.5
    """How likely an image is flipped; 0 to 1."""

    def __post_init__(self) -> None:
        check_probability("flip", "probability", self.probability)

    def coordinates(self, rows: Rows, columns: Columns, generator: torch.Generator) -> tuple[Rows, Columns]:
        """Reverse the columns of the images that are flipped."""
        draws = torch.rand(len(columns), 1, generator=generator, device=generator.device)
        flipped = (draws < self.probability).to(columns.device)
        lines = distinct(columns)
        return rows, torch.where(flipped, lines.flip(1), lines)
