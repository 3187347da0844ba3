"""Wrong labels on purpose, for studies of what a target does about them."""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Int64
from torch import Tensor

from smoothkit.data.dataset import Dataset
from smoothkit.seeding import derived_generator


def symmetric_noise(
    labels: Int64[Tensor, " samples"], rate: float, num_classes: int, generator: torch.Generator
) -> Int64[Tensor, " samples"]:
    """Labels of which each, with probability `rate`, is replaced by one of the K-1 other classes, all equally likely.

    Every replaced label is wrong; some papers draw from all K classes, whose `rate` r is (K-1)/K r here.

    Raises:
        ValueError: `rate` is outside 0 to 1, or there are fewer than two classes.
    """
    _check(rate, num_classes)
    hit = torch.rand(len(labels), generator=generator) < rate
    shift = torch.randint(1, num_classes, (len(labels),), generator=generator)
    return torch.where(hit, (labels + shift) % num_classes, labels)


def asymmetric_noise(
    labels: Int64[Tensor, " samples"], rate: float, num_classes: int, generator: torch.Generator
) -> Int64[Tensor, " samples"]:
    """Labels of which each, with probability `rate`, is replaced by the next class; the first follows the last.

    Raises:
        ValueError: `rate` is outside 0 to 1, or there are fewer than two classes.
    """
    _check(rate, num_classes)
    hit = torch.rand(len(labels), generator=generator) < rate
    return torch.where(hit, (labels + 1) % num_classes, labels)


def add_label_noise(dataset: Dataset, kind: Literal["symmetric", "asymmetric"], rate: float, seed: int) -> Dataset:
    """The data set with noise in the labels of its training part; the test part stays as it is.

    Raises:
        ValueError: `rate` is out of range, or the training labels are soft: which entry to flip is not defined.
        DataError: a class has no sample left in the training part.
    """
    labels = dataset.train.labels
    if labels.ndim != 1:
        raise ValueError(f"label noise: the training labels of {dataset.name} are soft; expected class indices")
    flip = {"symmetric": symmetric_noise, "asymmetric": asymmetric_noise}[kind]
    noisy = flip(labels, rate, dataset.num_classes, derived_generator(seed, "label_noise"))
    return dataset.with_train(replace(dataset.train, labels=noisy))


def _check(rate: float, num_classes: int) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"label noise: rate is {rate}; expected a probability, 0 to 1")
    if num_classes < 2:
        raise ValueError(f"label noise: num_classes is {num_classes}; expected at least 2")
