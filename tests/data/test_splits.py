"""Splits are seeded, stratified and leave every class in the training part."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.data.splits import hold_out, limit_train, split, stratified_indices
from smoothkit.errors import DataError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(labels, num_classes=3):
    """A data set whose images are their own indices."""
    images = torch.arange(len(labels), dtype=torch.float32).view(-1, 1)
    part = ImageSet(images, labels)
    return Dataset(part, part, tuple(f"class {k}" for k in range(num_classes)), (0.0,), (1.0,), name="numbers")


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(sum), data=st.data())
@settings(deadline=None)
def test_each_class_has_its_share_to_the_nearest_whole_numbers(sizes, data):
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=generator())]
    count = data.draw(st.integers(1, len(labels)))
    chosen = stratified_indices(labels, count, generator(data.draw(st.integers(0, 99))))
    assert len(chosen) == len(set(chosen.tolist())) == count
    assert torch.equal(chosen, chosen.sort().values)
    numbers = torch.bincount(labels[chosen], minlength=len(sizes))
    exact = torch.tensor(sizes, dtype=torch.float64) * count / len(labels)
    assert ((numbers - exact).abs() < 1).all()


@given(sizes=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=9), min_size=1, max_size=5), data=st.data())
@settings(deadline=None)
def test_each_group_has_its_share_of_each_class(sizes, data):
    cells = [(k, group) for k, row in enumerate(sizes) for group, size in enumerate(row) for _ in range(size)]
    assume(cells)
    labels, groups = torch.tensor(cells).T[:, torch.randperm(len(cells), generator=generator())]
    count = data.draw(st.integers(1, len(cells)))
    seed = data.draw(st.integers(0, 99))
    chosen = stratified_indices(labels, count, generator(seed), groups)
    assert len(set(chosen.tolist())) == count
    # Classes as without groups.
    numbers = torch.bincount(labels[chosen], minlength=len(sizes))
    without = stratified_indices(labels, count, generator(seed))
    assert torch.equal(numbers, torch.bincount(labels[without], minlength=len(sizes)))
    for k, row in enumerate(sizes):
        held = torch.bincount(groups[chosen][labels[chosen] == k], minlength=len(row))
        exact = torch.tensor(row, dtype=torch.float64) * numbers[k] / max(sum(row), 1)
        assert ((held - exact).abs() < 1).all()


def test_every_sample_of_a_class_is_equally_likely_whatever_its_group():
    labels, groups = torch.tensor([0] * 7 + [1] * 3), torch.tensor([0, 0, 0, 1, 1, 2, 3, 4, 5, 5])
    counts = torch.zeros(10)
    draws = generator()
    for _ in range(4000):
        counts[stratified_indices(labels, 3, draws, groups)] += 1
    # Two of seven, and one of three.
    expected = torch.tensor([4000 * 2 / 7] * 7 + [4000 / 3] * 3)
    assert (counts - expected).abs().max() < 5 * 1000**0.5


def test_a_small_class_of_many_groups_is_not_taken_whole():
    """Were its cells of one stratified as classes are, all five samples would be held out with every seed."""
    labels = torch.tensor([0] * 5 + [1] * 660)
    groups = torch.cat([torch.arange(5), torch.arange(60).repeat_interleave(11)])
    for seed in range(20):
        chosen = stratified_indices(labels, 66, generator(seed), groups)
        # 10 % of five samples is half a sample: largest remainder leaves the class none.
        assert (labels[chosen] == 0).sum() == 0


def test_rest_and_chosen_are_everything_once():
    rest, chosen = split(torch.arange(10) % 3, 4, generator())
    assert sorted(rest.tolist() + chosen.tolist()) == list(range(10))


def test_every_sample_is_equally_likely():
    labels = torch.tensor([0] * 6 + [1] * 2)
    counts = torch.zeros(8)
    draws = generator()
    for _ in range(4000):
        counts[stratified_indices(labels, 4, draws)] += 1
    assert (counts - 2000).abs().max() < 5 * 1000**0.5


def test_soft_labels_count_for_their_most_probable_class():
    hard = torch.arange(60) % 3
    soft = 0.7 * F.one_hot(hard, 3) + 0.1
    assert torch.equal(stratified_indices(soft, 9, generator(2)), stratified_indices(hard, 9, generator(2)))


def test_hold_out_depends_on_its_seed_alone():
    data = numbered(torch.arange(300) % 3)
    (smaller, validation), (_, again), (_, other) = (
        hold_out(data, 0.1, 1),
        hold_out(data, 0.1, 1),
        hold_out(data, 0.1, 2),
    )
    assert (len(smaller.train), len(validation)) == (270, 30)
    assert torch.equal(validation.images, again.images)
    assert not torch.equal(validation.images, other.images)
    assert torch.bincount(validation.labels).tolist() == [10, 10, 10]
    both = torch.cat([smaller.train.images, validation.images]).flatten().sort().values
    assert torch.equal(both, torch.arange(300.0))
    assert len(hold_out(data, 25, 1)[1]) == 25


@pytest.mark.parametrize("validation", [0, 300, -1, 0.0, 1.0, 1.5, 0.001])
def test_hold_out_ranges(validation):
    with pytest.raises(ValueError, match=f"validation is {validation}; expected a share of the 300"):
        hold_out(numbered(torch.arange(300) % 3), validation, 0)


def test_a_class_that_a_split_takes_whole_is_named():
    labels = torch.tensor([0] * 10 + [1] * 10 + [2])
    with pytest.raises(DataError, match="numbers: class 'class 2'"):
        hold_out(numbered(labels), 0.9, 0)


def test_limit_train():
    data = numbered(torch.arange(300) % 3)
    assert limit_train(data, None, 0) is data
    assert limit_train(data, 300, 0) is data
    small = limit_train(data, 30, 0)
    assert torch.bincount(small.train.labels).tolist() == [10, 10, 10]
    assert len(small.test) == 300
    with pytest.raises(DataError, match="no sample in the training part"):
        limit_train(data, 2, 0)
    with pytest.raises(ValueError, match="train_limit is 0"):
        limit_train(data, 0, 0)


def grouped(sizes, soft=False):
    """A data set of 3 classes and 2 groups with these numbers of samples in the six cells, class by class."""
    cells = torch.repeat_interleave(torch.arange(6), torch.tensor(sizes))
    cells = cells[torch.randperm(len(cells), generator=generator())]
    labels = 0.7 * F.one_hot(cells // 2, 3) + 0.1 if soft else cells // 2
    part = ImageSet(torch.arange(len(cells), dtype=torch.float32).view(-1, 1), labels, cells % 2)
    return Dataset(part, part, ("a", "b", "c"), (0.0,), (1.0,), name="numbers", group_names=("A", "B"))


def cells_of(part):
    classes = part.labels.argmax(1) if part.labels.ndim == 2 else part.labels
    return torch.bincount(2 * classes + part.groups, minlength=6)


@pytest.mark.parametrize("soft", [False, True])
def test_splits_keep_the_share_of_each_group_in_each_class(soft):
    sizes = [100, 10, 60, 30, 5, 95]
    smaller, validation = hold_out(grouped(sizes, soft), 0.2, 3)
    assert cells_of(validation).tolist() == [20, 2, 12, 6, 1, 19]
    assert cells_of(smaller.train).tolist() == [80, 8, 48, 24, 4, 76]
    assert cells_of(limit_train(grouped(sizes, soft), 60, 3).train).tolist() == [20, 2, 12, 6, 1, 19]


def test_groups_stay_with_their_samples():
    data = grouped([20, 10, 20, 10, 20, 10])
    smaller, validation = hold_out(data, 0.3, 0)
    for part in (smaller.train, validation):
        assert torch.equal(part.groups, data.train.groups[part.images.flatten().long()])
