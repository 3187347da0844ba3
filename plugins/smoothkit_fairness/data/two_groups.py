"""Two groups whose law is known: Gaussian classes, with means and label noise of their own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from smoothkit.data import Dataset, ImageSet
from smoothkit.data.label_noise import symmetric_noise
from smoothkit.seeding import derived_generator

NAMES = ("A", "B")

Probability = Annotated[float, Interval(ge=0, le=1)]


def two_groups(
    root: Path,
    share: Annotated[float, Interval(gt=0, le=0.5)] = 0.3,
    group_noise: tuple[Probability, Probability] = (0.0, 0.0),
    shift: Probability = 1.0,
    separation: Annotated[float, Ge(0)] = 1.0,
    classes: Annotated[int, Ge(2)] = 10,
    dims: Annotated[int, Ge(1)] = 20,
    train_samples: Annotated[int, Ge(1)] = 6000,
    test_samples: Annotated[int, Ge(2)] = 20_000,
    group_inputs: bool = True,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Two made groups, A and B, of Gaussian classes: how common, how noisy and how different B is, you say.

    All classes are equally likely. A sample of class k is its group's mean of class k plus standard normal noise in
    `dims` dimensions. A's means are m_k, normal with standard deviation `separation` in each dimension; B's are
    sqrt(1 - shift²) m_k + shift m'_k with an independent m'_k of the same law. So B's classes lie where A's do at
    `shift` 0, anywhere at 1, and are as far from each other as A's in either case. With `group_inputs` one more feature
    is 0 for A and 1 for B.

    Of each group a share `group_noise` = [A's, B's] of the labels, in training and test alike, is replaced by one of
    the other classes, all equally likely: it belongs to the law, and a model can be calibrated on it. (For noise in the
    training labels alone there is `data.label_noise`.)

    B is the `share` of the training part, to the nearest sample, and half of the test part, so that what is measured
    of B is as sharp as what is measured of A. Everything depends on `seed` alone, not on the run's seed, which splits
    off the validation part. `root` is not used.

    Raises:
        ValueError: an option is out of range.
        DataError: a class has no training sample.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"two-groups: share is {share}; expected a share above 0, at most 0.5: B is the smaller group")
    if not 0 <= shift <= 1:
        raise ValueError(f"two-groups: shift is {shift}; expected 0 (the same means) to 1 (independent ones)")
    _at_least("separation", separation, 0)
    _at_least("classes", classes, 2)
    _at_least("dims", dims, 1)
    _at_least("test_samples", test_samples, 2)
    _at_least("seed", seed, 0)
    if round(share * train_samples) < 1:
        raise ValueError(
            f"two-groups: a share of {share} of {train_samples} training samples is none; expected at least one of B: "
            "raise `share` or `train_samples`"
        )
    generator = derived_generator(seed, "two-groups means")
    first, other = separation * torch.randn(2, classes, dims, generator=generator, dtype=torch.float64)
    means = torch.stack([first, (1 - shift**2) ** 0.5 * first + shift * other])
    train = _sample(means, _groups(train_samples, share), group_noise, group_inputs, seed, "two-groups train")
    test = _sample(means, _groups(test_samples, 0.5), group_noise, group_inputs, seed, "two-groups test")
    width = train.shape[0]
    return Dataset(
        train=train,
        test=test,
        class_names=tuple(str(k) for k in range(classes)),
        mean=(0.0,) * width,
        std=(1.0,) * width,
        name="two-groups",
        group_names=NAMES,
    )


def _at_least(option: str, value: float | int, least: int) -> None:
    if not value >= least:
        raise ValueError(f"two-groups: {option} is {value}; expected at least {least}")


def _groups(samples: int, share: float) -> Int64[Tensor, " samples"]:
    """Group B last; batches shuffle."""
    return (torch.arange(samples) >= samples - round(share * samples)).long()


def _sample(
    means: Float64[Tensor, "groups classes dims"],
    groups: Int64[Tensor, " samples"],
    group_noise: Sequence[float],
    flagged: bool,
    seed: int,
    purpose: str,
) -> ImageSet:
    """Samples of these groups, drawn from the law."""
    generator = derived_generator(seed, purpose)
    _, classes, dims = means.shape
    true = torch.randint(classes, (len(groups),), generator=generator)
    noise = torch.randn(len(groups), dims, generator=generator, dtype=torch.float64)
    features: Float32[Tensor, "samples dims"] = (means[groups, true] + noise).float()
    noisy = [symmetric_noise(true, rate, classes, generator) for rate in group_noise]
    labels = torch.where(groups == 0, *noisy)
    return ImageSet(torch.cat([features, groups[:, None].float()], 1) if flagged else features, labels, groups)
