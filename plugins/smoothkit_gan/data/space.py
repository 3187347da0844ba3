"""The space that networks work in, and the way between it and the samples of a data set."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from smoothkit.data import ImageSet
from smoothkit.data.statistics import channel_statistics
from smoothkit.errors import DataError


@dataclass(frozen=True, eq=False)
class Space:
    """An affine map, model = (stored - centre) / scale, that is the same for all training.

    Points get the mean 0 and, over all their coordinates together, the mean square 1: one scale for all directions
    keeps circles circles. Pixels get the range -1 to 1.
    """

    centre: Float32[Tensor, "#features"]
    """One number for each coordinate of a point; one for all pixels."""
    scale: float
    dtype: torch.dtype
    """Of stored samples: uint8 for pixels from 0 to 255, or float32."""

    def to_model(self, stored: Shaped[Tensor, "*batch"]) -> Float32[Tensor, "*batch"]:
        """Stored samples, of any number of leading axes, in the model's space."""
        return (stored.float() - self.centre.to(stored.device)) / self.scale

    def from_model(self, samples: Float32[Tensor, "*batch"]) -> Shaped[Tensor, "*batch"]:
        """Samples as they would be stored: the inverse of `to_model`, pixels of uint8 rounded and clipped to 0..255."""
        stored = samples * self.scale + self.centre.to(samples.device)
        return stored.round().clamp(0, 255).to(torch.uint8) if self.dtype == torch.uint8 else stored


def space_of(train: ImageSet, place: str) -> Space:
    """The model's space for what is trained on.

    Raises:
        DataError: all of it is one and the same value.
    """
    images = train.images
    if images.dtype == torch.uint8:
        return Space(torch.full((1,), 127.5), 127.5, torch.uint8)
    if images.ndim == 2:
        mean, std = channel_statistics(images)
        return Space(torch.tensor(mean), sum(each**2 for each in std) ** 0.5 / len(std) ** 0.5, torch.float32)
    low, high = (bound.item() for bound in images.aminmax())
    if low == high:
        raise DataError(f"{place}: every pixel of the training part is {low}; expected images that differ")
    return Space(torch.full((1,), (low + high) / 2), (high - low) / 2, torch.float32)
