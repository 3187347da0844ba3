"""How near samples come to single training images: whether a generator repeats what it was shown."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Float32
from torch import Tensor

CHUNK = 1024
"""Samples whose distances are held at a time."""


def nearest_distances(
    samples: Float32[Tensor, "samples *shape"], training: Iterable[Float32[Tensor, "_ *shape"]]
) -> Float[Tensor, " samples"]:
    """The distance of each sample to the nearest training image: root mean square over pixels, 0 for a copy.

    `training` comes in chunks, so that not all of it need be in floating point at once.
    """
    flat = samples.flatten(1)
    nearest = flat.new_full((len(flat),), float("inf"))
    for chunk in training:
        images = chunk.flatten(1)
        found = torch.cat([torch.cdist(rows, images).amin(1) for rows in flat.split(CHUNK)])
        nearest = torch.minimum(nearest, found)
    return nearest / flat.shape[1] ** 0.5


def near_copies(samples: Float[Tensor, " samples"], unseen: Float[Tensor, " unseen"]) -> float:
    """The share of samples that lie nearer to a training image than all but 1 % of unseen real images do.

    About 0.01 for samples that are as near as new real images are; 1 for copies of training images.

    >>> near_copies(torch.tensor([0.0, 0.2, 5.0, 9.0]), torch.linspace(1, 2, 100))
    0.5
    """
    return float((samples < unseen.quantile(0.01)).double().mean())
