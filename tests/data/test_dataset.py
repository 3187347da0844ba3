"""A data set is checked once, and its errors name the set, the part and the first offender."""

import math
from dataclasses import replace

import pytest
import torch

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.errors import DataError

NAMES = ("cat", "dog", "fox")


def part(labels=(0, 1, 2, 0), images=None):
    labels = labels if isinstance(labels, torch.Tensor) else torch.tensor(labels)
    if images is None:
        images = torch.zeros(len(labels), 1, 4, 4, dtype=torch.uint8)
    return ImageSet(images, labels)


def dataset(train=None, test=None, class_names=NAMES, mean=(0.5,), std=(0.5,)):
    # An empty part is falsy, as every empty container is.
    train, test = (part() if given is None else given for given in (train, test))
    return Dataset(train, test, class_names, mean, std, name="pets")


def soft(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def test_what_a_network_needs_to_know():
    data = dataset()
    assert (data.num_classes, data.in_channels, data.image_size) == (3, 1, 4)


def test_features_are_one_pixel_with_many_channels():
    features = part(images=torch.zeros(4, 7))
    data = dataset(features, features, mean=(0.0,) * 7, std=(1.0,) * 7)
    assert (data.in_channels, data.image_size) == (7, 1)


def test_selecting_keeps_order_and_pairs():
    chosen = part((0, 1, 2, 0), torch.arange(4.0).view(4, 1)).select(torch.tensor([2, 0]))
    assert chosen.labels.tolist() == [2, 0]
    assert chosen.images.flatten().tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dataset(part((0, 1, 2, 3, 9))), r"pets: train labels: sample 3 has label 3; expected 0 to 2"),
        (lambda: dataset(test=part((0, -1))), r"pets: test labels: sample 1 has label -1; expected 0 to 2"),
        (lambda: dataset(part((0, 1))), r"pets: class 'fox' \(label 2\) has no sample in the training part"),
        (
            lambda: dataset(part((0, 1), torch.zeros(3, 1, 4, 4, dtype=torch.uint8))),
            "pets: train: 3 images but 2 labels",
        ),
        (lambda: dataset(test=part(torch.zeros(0, dtype=torch.int64))), "pets: test: there are no samples"),
        (
            lambda: dataset(test=part((0,), torch.zeros(1, 1, 5, 5, dtype=torch.uint8))),
            r"pets: training samples have shape \(1, 4, 4\) and test samples \(1, 5, 5\)",
        ),
        (lambda: dataset(part(soft([0.5, 0.5]))), "pets: train labels: 2 columns; expected 3"),
        (
            lambda: dataset(test=part(soft([0, 0, 1], [0.5, 0.4, 0]))),
            "pets: test labels: the probabilities of sample 1 sum to 0.9; expected 1",
        ),
        (
            lambda: dataset(part(soft([1, 0, 0], [0.5, 1, -0.5]))),
            "pets: train labels: sample 1 holds -0.5; expected probabilities",
        ),
        (lambda: dataset(part(soft([math.nan, 0, 1]))), "pets: train labels: sample 0 holds nan"),
        (lambda: dataset(part(soft([0.5, 0.5, 0]))), "pets: class 'fox'"),
        (lambda: dataset(mean=(0.5, 0.5)), "pets: mean has 2 entries; expected 1"),
        (lambda: dataset(std=(0.0,)), r"pets: std is \(0.0,\); expected positive"),
    ],
)
def test_faults_are_named(build, message):
    with pytest.raises(DataError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def grouped(*groups):
    return replace(part(), groups=torch.tensor(groups))


def people(train=None, test=None, group_names=("A", "B")):
    train, test = (grouped(0, 1, 0, 1) if given is None else given for given in (train, test))
    return Dataset(train, test, NAMES, (0.5,), (0.5,), name="pets", group_names=group_names)


def test_groups_follow_their_samples():
    chosen = grouped(0, 1, 0, 1).select(torch.tensor([3, 0]))
    assert chosen.groups.tolist() == [1, 0]
    assert chosen.to("cpu").groups.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dataset(grouped(0, 1, 0, 1)), "pets: train groups: sample 0 has group 0; expected .* 0 named groups"),
        (lambda: people(grouped(0, 1, 2, 1)), "pets: train groups: sample 2 has group 2; expected 0 to 1"),
        (lambda: people(test=grouped(0, -1, 0, 1)), "pets: test groups: sample 1 has group -1"),
        (lambda: people(grouped(0, 1)), "pets: train: 4 samples but 2 groups"),
        (lambda: people(test=part()), "pets: test: the groups A, B are named, but no sample has one"),
        (
            lambda: people(group_names=("A", "a/b")),
            "pets: train: a group is called 'a/b'; expected words without a slash",
        ),
        (lambda: people(group_names=("A", " ")), "pets: train: a group is called ' '"),
        (lambda: people(group_names=("A", "A")), "pets: train: the names of the groups must differ, got A, A"),
    ],
)
def test_faults_of_groups_are_named(build, message):
    with pytest.raises(DataError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_group_may_be_without_samples():
    assert people(group_names=("A", "B", "C")).group_names == ("A", "B", "C")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_value_that_is_not_finite_is_named(bad):
    images = torch.zeros(4, 1, 4, 4)
    images[2, 0, 1, 3] = bad
    images[3, 0, 0, 0] = -bad
    with pytest.raises(DataError, match=f"pets: test images: sample 2 holds {bad}; expected finite"):
        dataset(part(images=torch.zeros(4, 1, 4, 4)), part(images=images))


def test_large_finite_values_are_fine():
    images = torch.full((4, 1, 4, 4), 3e38)
    assert dataset(part(images=images), part(images=images)).num_classes == 3


def test_soft_rows_may_be_rounded():
    data = dataset(part(soft([0.33333, 0.33333, 0.33333])))
    assert data.num_classes == 3


def test_images_that_are_not_square_have_no_size():
    flat = part(images=torch.zeros(4, 1, 4, 6, dtype=torch.uint8))
    with pytest.raises(DataError, match="pets: images are 4 x 6; expected square ones"):
        _ = dataset(flat, flat).image_size
