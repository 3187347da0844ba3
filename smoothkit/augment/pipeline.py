"""Several augmentations as one pass over a batch: pixels are moved once, normalised, then mixed."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from smoothkit.augment.base import Augmentation, Labels
from smoothkit.augment.normalise import Normalise


class PixelMap(NamedTuple):
    """For each sample of a batch, the stored row and column that each output row and column shows."""

    rows: Int64[Tensor, "batch height"]
    columns: Int64[Tensor, "batch width"]

    def shard(self, part: slice) -> "PixelMap":
        """The map of some of the samples."""
        return PixelMap(self.rows[part], self.columns[part])


def move_pixels(
    images: Shaped[Tensor, "batch channels height width"], pixel_map: PixelMap
) -> Shaped[Tensor, "batch channels height width"]:
    """Output pixel (i, j) of sample b is input pixel (rows[b, i], columns[b, j])."""
    batch, channels, height, width = images.shape
    flat = (pixel_map.rows.unsqueeze(2) * width + pixel_map.columns.unsqueeze(1)).view(batch, 1, height * width)
    return images.flatten(2).gather(2, flat.expand(batch, channels, height * width)).view_as(images)


class Pipeline:
    """What happens to a training batch between storage and the network, in the order of `augmentations`.

    All coordinate stages come before normalisation, all batch stages after it; each group keeps the given order.
    """

    def __init__(self, augmentations: Sequence[Augmentation], normalise: Normalise, num_classes: int):
        self.augmentations = tuple(augmentations)
        self.normalise = normalise
        self.num_classes = num_classes
        self._moving = [a for a in augmentations if type(a).coordinates is not Augmentation.coordinates]
        self._mixing = [a for a in augmentations if type(a).batch is not Augmentation.batch]

    @property
    def mixes(self) -> bool:
        """Whether a batch stage exists: it may need the whole batch at once."""
        return bool(self._mixing)

    def draw_map(
        self, batch: int, shape: Sequence[int], generator: torch.Generator, device: torch.device
    ) -> PixelMap | None:
        """The composed coordinate stages for a batch of samples of `shape`; None where there are none."""
        if not self._moving:
            return None
        if len(shape) != 3:
            names = ", ".join(type(a).__name__ for a in self._moving)
            raise ValueError(f"augmentation {names}: samples have shape {tuple(shape)}; expected images (C, H, W)")
        rows, columns = (torch.arange(side, device=device).expand(batch, side) for side in shape[1:])
        for augmentation in self._moving:
            rows, columns = augmentation.coordinates(rows, columns, generator)
        return PixelMap(rows, columns)

    def apply(
        self,
        images: Shaped[Tensor, "batch channels ..."],
        labels: Labels,
        pixel_map: PixelMap | None,
        generator: torch.Generator,
    ) -> tuple[Float32[Tensor, "batch channels ..."], Labels]:
        """Stored images to what the network sees."""
        if pixel_map is not None:
            images = move_pixels(images, pixel_map)
        images = self.normalise(images)
        for augmentation in self._mixing:
            images, labels = augmentation.batch(images, labels, generator, self.num_classes)
        return images, labels
