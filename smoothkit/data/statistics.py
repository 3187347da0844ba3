"""Mean and standard deviation of a training part, for normalisation."""

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

CHUNK = 4096  # samples whose float64 copy is held at a time


def channel_statistics(
    images: UInt8[Tensor, "samples channels height width"] | Float32[Tensor, "samples channels ..."],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, or feature; of uint8 pixels on the scale 0..1.

    Computed in two passes, in float64. A constant channel gets the standard deviation 1: normalising shifts it to 0.

    >>> channel_statistics(torch.tensor([[0.0, 5.0], [2.0, 5.0]]))
    ((1.0, 5.0), (1.0, 1.0))
    """
    axes = [axis for axis in range(images.ndim) if axis != 1]
    unit = 255 if images.dtype == torch.uint8 else 1
    shape = [1, -1] + [1] * (images.ndim - 2)
    count = images.numel() // images.shape[1]
    chunks = images.split(CHUNK)
    mean = torch.stack([chunk.double().sum(axes) for chunk in chunks]).sum(0) / count
    squares = [(chunk.double() - mean.view(shape)).square().sum(axes) for chunk in chunks]
    std = (torch.stack(squares).sum(0) / count).sqrt()
    std = torch.where(std > 0, std / unit, 1.0)
    return tuple((mean / unit).tolist()), tuple(std.tolist())
