"""Seeded, stratified choices of samples: a validation split, a smaller training part."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from smoothkit.data.dataset import Dataset, Part
from smoothkit.seeding import derived_generator


def stratified_indices(
    labels: Int64[Tensor, " samples"] | Float32[Tensor, "samples classes"],
    count: int,
    generator: torch.Generator,
    groups: Int64[Tensor, " samples"] | None = None,
) -> Int64[Tensor, " count"]:
    """`count` samples in ascending order, each class in its share of all labels, to the nearest whole numbers.

    Soft labels count for their most probable class. Shares are rounded by largest remainder, ties at random, so a
    class's number is off its exact share by less than 1. With `groups`, each group in a class is off its exact share of
    the class's number by less than 1 too, and at random: every sample of a class is equally likely, however small its
    group.

    >>> stratified_indices(torch.tensor([0, 0, 0, 0, 1, 1]), 3, torch.Generator().manual_seed(0)).tolist()
    [2, 3, 4]
    """
    classes = labels.argmax(1) if labels.ndim == 2 else labels
    sizes = torch.bincount(classes)
    # Whole numbers throughout: remainders compare exactly, and the shares add up to `count`.
    share, remainder = (sizes * count) // len(labels), (sizes * count) % len(labels)
    ties = torch.randperm(len(sizes), generator=generator)
    largest = ties[remainder[ties].argsort(descending=True, stable=True)]
    share[largest[: count - int(share.sum())]] += 1
    shuffled = torch.randperm(len(labels), generator=generator)
    members = shuffled[classes[shuffled].argsort(stable=True)].split(sizes.tolist())
    if groups is None:
        chosen = [each[:number] for each, number in zip(members, share.tolist(), strict=True)]
    else:
        chosen = [
            _spread(each[groups[each].argsort(stable=True)], number, generator)
            for each, number in zip(members, share.tolist(), strict=True)
            if number
        ]
    return torch.cat(chosen).sort().values


def _spread(members: Int64[Tensor, " members"], number: int, generator: torch.Generator) -> Int64[Tensor, " number"]:
    """So many of the members, at equal distances from a random start: of any that stand together, their share.

    In whole numbers, no member comes twice, and each is chosen for `number` of the starts, which are as many as there
    are members: all are equally likely.
    """
    start = torch.randint(len(members), (), generator=generator)
    return members[(torch.arange(number) * len(members) + start) // number]


def split(
    labels: Int64[Tensor, " samples"] | Float32[Tensor, "samples classes"],
    count: int,
    generator: torch.Generator,
    groups: Int64[Tensor, " samples"] | None = None,
) -> tuple[Int64[Tensor, " rest"], Int64[Tensor, " count"]]:
    """All samples as (the rest, `count` chosen ones), stratified; both in ascending order."""
    chosen = stratified_indices(labels, count, generator, groups)
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[chosen] = False
    return rest.nonzero().flatten(), chosen


def hold_out(dataset: Dataset, validation: float | int, seed: int) -> tuple[Dataset, Part]:
    """The data set with a smaller training part, and the validation part that was taken from it.

    `validation` is a share of the training part (a float between 0 and 1) or a number of samples (an int). The split
    is stratified, by class and group, and depends on `seed` alone.

    Raises:
        ValueError: `validation` is out of range.
        DataError: a class has no sample left in the training part.
    """
    total = len(dataset.train)
    count = round(validation * total) if isinstance(validation, float) else validation
    if not 0 < count < total:
        raise ValueError(
            f"validation is {validation}; expected a share of the {total} training samples, above 0 and below 1, or a "
            f"number of them, 1 to {total - 1}"
        )
    rest, chosen = split(dataset.train.labels, count, derived_generator(seed, "hold_out"), dataset.train.groups)
    return dataset.with_train(dataset.train.select(rest)), dataset.train.select(chosen)


def limit_train(dataset: Dataset, count: int | None, seed: int) -> Dataset:
    """The data set with at most `count` training samples, stratified by class and group; all of them for None.

    Raises:
        ValueError: `count` is less than 1.
        DataError: a class has no sample left in the training part.
    """
    if count is None or count >= len(dataset.train):
        return dataset
    if count < 1:
        raise ValueError(f"train_limit is {count}; expected at least 1")
    chosen = stratified_indices(
        dataset.train.labels, count, derived_generator(seed, "limit_train"), dataset.train.groups
    )
    return dataset.with_train(dataset.train.select(chosen))
