"""Handwritten digits that ship with scikit-learn."""

from pathlib import Path
from typing import Any

import torch

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.data.splits import split
from smoothkit.data.statistics import channel_statistics
from smoothkit.seeding import derived_generator

TEST_SAMPLES = 360
"""About 20 % of 1,797."""


def digits(root: Path) -> Dataset:
    """Handwritten digits of 13 people: 1,797 grey images of 8 x 8 pixels, 10 classes; ships with scikit-learn.

    Pixels are counts 0 to 16, stored exactly as 15 times that in uint8. The test part is always the same 360 images,
    stratified by class, whatever the run's seed. Normalised by the statistics of the training part; `root` is not used.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (its test part).
    """
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = torch.from_numpy(bunch.images).mul(15).to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()
    everything = ImageSet(images, labels)
    train, test = split(labels, TEST_SAMPLES, derived_generator(0, "digits"))
    mean, std = channel_statistics(images[train])
    return Dataset(
        train=everything.select(train),
        test=everything.select(test),
        class_names=tuple(str(name) for name in bunch.target_names),
        mean=mean,
        std=std,
        name="digits",
    )
