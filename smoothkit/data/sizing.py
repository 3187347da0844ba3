"""Images brought to the size that a network needs, the same way for training and test."""

from dataclasses import replace

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

from smoothkit.augment.crop import reflected
from smoothkit.data.dataset import Dataset, ImageSet, Part
from smoothkit.errors import DataError

MOST_PADDING = 8
"""Pixels an axis may lack and still be padded: 28 to 32, say. Beyond that reflections would be a large part of it."""

CHUNK = 4096  # images resized at a time


def fit(
    images: UInt8[Tensor, "samples channels height width"] | Float32[Tensor, "samples channels height width"], size: int
) -> UInt8[Tensor, "samples channels size size"] | Float32[Tensor, "samples channels size size"]:
    """Images of `size` x `size` pixels.

    Where both axes lack at most 8 pixels they are padded by reflection, evenly (an odd pixel goes to the bottom and the
    right), which keeps every pixel as it is; otherwise they are resized bilinearly, with antialiasing.

    Raises:
        ValueError: `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1")
    sides = images.shape[2:]
    if all(side == size for side in sides):
        return images
    # Reflection reaches at most side - 1 pixels beyond an edge.
    if all(0 <= size - side <= min(MOST_PADDING, 2 * (side - 1)) for side in sides):
        rows, columns = (reflected(torch.arange(size) - (size - side) // 2, side) for side in sides)
        return images.index_select(2, rows).index_select(3, columns)
    resized = [
        F.interpolate(chunk, (size, size), mode="bilinear", align_corners=False, antialias=True)
        for chunk in images.split(CHUNK)
    ]
    return torch.cat(resized)


def fitted(dataset: Dataset, size: int) -> Dataset:
    """The data set with all images fitted to `size` x `size` pixels, test as training.

    Raises:
        DataError: the samples are features, or are streamed in another size.
    """
    if dataset.train.shape[1:] == (size, size):
        return dataset
    train, test = (_fit_part(part, size, dataset.name) for part in (dataset.train, dataset.test))
    return replace(dataset, train=train, test=test)


def _fit_part(part: Part, size: int, name: str) -> Part:
    if isinstance(part, ImageSet) and len(part.shape) == 3:
        return replace(part, images=fit(part.images, size))
    raise DataError(
        f"{name}: samples have shape {part.shape}; expected images of {size} x {size} pixels: features cannot be "
        "resized, and a streamed set has its own option data.size"
    )
