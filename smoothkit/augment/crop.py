"""Random crops of reflect-padded images."""

import functools
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Int64
from torch import Tensor

from smoothkit.augment.base import Augmentation, Columns, Rows, distinct


def reflected(index: Int64[Tensor, "*shape"], size: int) -> Int64[Tensor, "*shape"]:
    """Fold positions outside 0..size-1 back at the edge pixels, which are not repeated; at most size - 1 beyond them.

    >>> reflected(torch.arange(-2, 5), 3)
    tensor([2, 1, 0, 1, 2, 1, 0])
    """
    index = index.abs()
    return torch.where(index < size, index, 2 * (size - 1) - index)


@dataclass(frozen=True)
class Crop(Augmentation):
    """Shift each image by up to `padding` pixels each way; the border is filled by reflection.

    The same as padding all four sides by reflection and cutting a window of the old size at a uniform position, each
    image on its own.

    Raises:
        ValueError: `padding` is less than 1, or not less than the height and width of the images.
    """

    padding: Annotated[int, Ge(1)] = 4
    """Pixels on each side; at least 1, less than the image's side."""

    def __post_init__(self) -> None:
        if self.padding < 1:
            raise ValueError(f"crop: padding is {self.padding}; expected at least 1")

    def coordinates(self, rows: Rows, columns: Columns, generator: torch.Generator) -> tuple[Rows, Columns]:
        """Shift both axes, each by its own draw."""
        starts = torch.randint(2 * self.padding + 1, (2, len(rows)), generator=generator, device=generator.device)
        starts = starts.to(rows.device)
        return self._shifted(rows, starts[0]), self._shifted(columns, starts[1])

    def _shifted(
        self, axis: Int64[Tensor, "batch size"], start: Int64[Tensor, " batch"]
    ) -> Int64[Tensor, "batch size"]:
        size = axis.shape[1]
        if self.padding >= size:
            raise ValueError(f"crop: padding is {self.padding}; expected less than the images' side, {size} pixels")
        choices, lines = windows(size, self.padding, axis.device), distinct(axis)
        if len(lines) == 1:
            return lines[0][choices].index_select(0, start)
        return axis.gather(1, choices.index_select(0, start))


@functools.cache
def windows(size: int, padding: int, device: torch.device) -> Int64[Tensor, "starts size"]:
    """Every window of a line of `size` positions padded by reflection, by where it starts."""
    padded = reflected(torch.arange(-padding, size + padding, device=device), size)
    return padded.unfold(0, size, 1).contiguous()
