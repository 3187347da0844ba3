"""Stored pixels to the numbers that a network sees."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32, Shaped
from torch import Tensor


class Normalise:
    """`(x - mean) / std` for each channel, or feature; uint8 pixels are first divided by 255.

    >>> Normalise((0.5,), (0.5,))(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)).flatten()
    tensor([-1.,  1.])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        centre = torch.tensor(mean, dtype=torch.float64)
        spread = torch.tensor(std, dtype=torch.float64)
        # One multiplication and one addition for each pixel; the constants are rounded once, from float64.
        self._scale = {
            torch.uint8: (1 / (255 * spread)).float().to(self.device),
            torch.float32: (1 / spread).float().to(self.device),
        }
        self._shift = (-centre / spread).float().to(self.device)

    def __call__(self, images: Shaped[Tensor, "batch channels ..."]) -> Float32[Tensor, "batch channels ..."]:
        """The normalised copy of uint8 or float32 `images`."""
        shape = (-1,) + (1,) * (images.ndim - 2)
        scale, shift = self._scale[images.dtype].view(shape), self._shift.view(shape)
        return images.to(torch.float32, copy=True).mul_(scale).add_(shift)
