"""Stacked digits: three images as the channels of one, a set with a thousand modes that a classifier can count."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Int64
from torch import Tensor

from smoothkit.config import Component
from smoothkit.data import Dataset, ImageSet
from smoothkit.data.dataset import Part
from smoothkit.errors import DataError
from smoothkit.seeding import derived_generator

CLASSES = 10
"""Classes of the set that is stacked."""

CHANNELS = 3
"""Images in a stack."""

Count = Annotated[int, Ge(1)]


class Underlying(Component):
    """The set of images that are stacked."""

    registry_kind: ClassVar[str] = "datasets"


@dataclass(frozen=True, eq=False)
class StackedSet(Dataset):
    """Stacks (N, 3, H, W) of one set's images, labelled 100a + 10b + c for channels of the classes a, b and c."""

    base: Dataset = field(kw_only=True)
    """The set whose images are stacked: its training part in `train`, its test part in `test`."""


def stacked_digits(
    root: Path,
    of: str | dict[str, Any] = "digits",
    train_samples: Count = 50_000,
    test_samples: Count = 10_000,
    seed: Annotated[int, Ge(0)] = 0,
) -> StackedSet:
    """Three random grey images of ten classes as the channels of one: 1,000 classes, the modes that a GAN may lose.

    `of` is a registered set, by its name or a table with its name and options: `digits` for a small experiment, `mnist`
    for the published one. Each channel is any image of the same part of it, independently and equally likely, so that
    classes are as common as in `of`, not exactly 1 in 1,000. Stacks are drawn once, by `seed` alone.

    Source: L. Metz et al., Unrolled GANs, 2016 (arXiv 1611.02163); as a protocol with 26,000 samples: A. Srivastava et
    al., VEEGAN, 2017 (arXiv 1705.07761).

    Raises:
        ValueError: an option is out of range.
        DataError: `of` is streamed, has other than ten classes, soft labels, or images that are not of one channel of
            uint8 pixels; or a class of three digits has no training sample.
    """
    if min(train_samples, test_samples) < 1 or seed < 0:
        raise ValueError(
            f"stacked-digits: train_samples is {train_samples}, test_samples {test_samples} and seed {seed}; expected "
            "at least one sample in each, and a seed of at least 0"
        )
    base = _base(of, root)
    return StackedSet(
        train=_stacked(base.train, train_samples, derived_generator(seed, "stacked-digits train"), base.name),
        test=_stacked(base.test, test_samples, derived_generator(seed, "stacked-digits test"), base.name),
        class_names=tuple(f"{label:0{CHANNELS}d}" for label in range(CLASSES**CHANNELS)),
        mean=base.mean * CHANNELS,
        std=base.std * CHANNELS,
        name=f"stacked-digits of {base.name}",
        base=base,
    )


def _base(of: str | dict[str, Any], root: Path) -> Dataset:
    """The registered set of ten classes that is stacked."""
    if isinstance(of, dict) and not isinstance(of.get("name"), str):
        raise ValueError(f"stacked-digits: of is {of}; expected the name of an image set, or a table with its name")
    base: Dataset = Underlying.model_validate(of).build(root=root)
    if base.num_classes != CLASSES:
        raise DataError(
            f"stacked-digits of {base.name}: it has {base.num_classes} classes; expected {CLASSES}, one for each "
            "decimal digit of a stack's label"
        )
    return base


def _stacked(part: Part, count: int, generator: torch.Generator, name: str) -> ImageSet:
    """`count` stacks of images of one part."""
    if not isinstance(part, ImageSet) or part.images.dtype != torch.uint8 or part.shape[0] != 1:
        raise DataError(
            f"stacked-digits of {name}: samples have shape {part.shape}; expected grey images of uint8 pixels, (1, "
            "height, width), in memory"
        )
    if part.labels.ndim != 1:
        raise DataError(f"stacked-digits of {name}: the labels are soft; expected one class for each image")
    chosen = torch.randint(len(part), (count, CHANNELS), generator=generator)
    digits = part.labels[chosen]
    return ImageSet(part.images[chosen].squeeze(2), stack_labels(digits))


def stack_labels(digits: Int64[Tensor, "stacks 3"]) -> Int64[Tensor, " stacks"]:
    """The labels of stacks whose channels have the classes `digits`: 100a + 10b + c.

    >>> stack_labels(torch.tensor([[0, 4, 2], [9, 9, 9]])).tolist()
    [42, 999]
    """
    places = torch.tensor([CLASSES**place for place in reversed(range(CHANNELS))], device=digits.device)
    return (digits * places).sum(1)  # not a matrix product: integers have none on a GPU
