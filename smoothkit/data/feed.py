"""From a data set to the batches that training and evaluation loops read, whichever way the set is stored."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from smoothkit.augment.base import Augmentation
from smoothkit.augment.normalise import Normalise
from smoothkit.data.batches import Batch, Batches, in_order
from smoothkit.data.dataset import Dataset, ImageSet, Part
from smoothkit.data.streamed import StreamedBatches, streamed_in_order


def training_batches(
    dataset: Dataset,
    batch_size: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    augment: Sequence[Augmentation] = (),
    drop_last: bool = False,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
) -> Batches | StreamedBatches:
    """The training part of `dataset` as batches by step; `Epochs` says which samples make up a step.

    `batch_size` is global, over all `world` processes; `workers` read ahead for a streamed set, and are not used for a
    set in memory.

    Raises:
        ValueError: a number is out of range, as `Epochs` says.
    """
    shared: dict[str, Any] = {
        "seed": seed,
        "mean": dataset.mean,
        "std": dataset.std,
        "num_classes": dataset.num_classes,
        "device": device,
        "augment": augment,
        "drop_last": drop_last,
        "rank": rank,
        "world": world,
    }
    if isinstance(dataset.train, ImageSet):
        return Batches(dataset.train, batch_size, **shared)
    return StreamedBatches(dataset.train, batch_size, **shared, workers=workers)


def evaluation_batches(
    part: Part,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device | str = "cpu",
    batch_size: int = 1024,
    workers: int = 0,
) -> Iterator[Batch]:
    """Every sample of `part` once, in order, normalised, without augmentation; the last batch may be smaller.

    Nothing is drawn from any generator.

    Raises:
        DataError: a sample of a streamed set cannot be read.
    """
    normalise = Normalise(mean, std, device)
    if isinstance(part, ImageSet):
        return in_order(part, normalise, batch_size)
    return streamed_in_order(part, normalise, batch_size, workers)
