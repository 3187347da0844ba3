"""Stacked digits: every channel is an image of the right part, and the label reads its classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from smoothkit.errors import DataError
from smoothkit_gan.data.stacked import stack_labels, stacked_digits

ROOT = Path("unused")


@pytest.fixture(scope="module")
def stacks():
    return stacked_digits(ROOT, test_samples=500)


def by_pixels(part):
    """The classes of every image of `part`, by its bytes."""
    found: dict[bytes, set[int]] = {}
    for image, label in zip(part.images, part.labels.tolist(), strict=True):
        found.setdefault(image.numpy().tobytes(), set()).add(label)
    return found


@pytest.mark.parametrize("name", ["train", "test"])
def test_channels_are_images_of_the_same_part_and_labels_their_classes(stacks, name):
    part, base = getattr(stacks, name), by_pixels(getattr(stacks.base, name))
    for stack, label in zip(part.images[:300], part.labels.tolist(), strict=False):
        digits = [int(digit) for digit in f"{label:03d}"]
        assert stacks.class_names[label] == f"{label:03d}"
        assert all(digit in base[channel.numpy().tobytes()] for channel, digit in zip(stack, digits, strict=True))


def test_there_are_a_thousand_classes_and_each_is_trained_on(stacks):
    assert stacks.num_classes == 1000
    assert torch.bincount(stacks.train.labels, minlength=1000).min() > 0
    assert stacks.train.images.shape == (50_000, 3, 8, 8)
    assert stacks.mean == stacks.base.mean * 3


def test_classes_are_as_common_as_their_digits(stacks):
    share = torch.bincount(stacks.base.train.labels) / len(stacks.base.train)
    expected = torch.einsum("i,j,k->ijk", share, share, share).flatten() * len(stacks.train)
    counts = torch.bincount(stacks.train.labels, minlength=1000)
    # A sum of 1000 squared standardised counts: chi-squared with 999 degrees of freedom.
    assert abs(((counts - expected).square() / expected).sum() - 999) < 5 * (2 * 999) ** 0.5


def test_labels_of_stacks_read_as_numbers():
    digits = torch.randint(10, (50, 3), generator=torch.Generator().manual_seed(0))
    assert stack_labels(digits).tolist() == [int("".join(map(str, row))) for row in digits.tolist()]


def test_the_seed_is_everything():
    first, again, other = (stacked_digits(ROOT, train_samples=15_000, test_samples=10, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.train.images, again.train.images)
    assert not torch.equal(first.train.labels, other.train.labels)


def test_too_few_stacks_for_a_thousand_classes_are_refused():
    with pytest.raises(DataError, match="train on more samples"):
        stacked_digits(ROOT, train_samples=900)


def saved(tmp_path, images, labels):
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    return {"name": "npz", "path": str(tmp_path / "set.npz")}


def test_what_cannot_be_stacked_is_refused(tmp_path):
    labels = np.tile(np.arange(10), 10)
    with pytest.raises(DataError, match="8 classes; expected 10"):
        stacked_digits(ROOT, of="ring")
    colour = saved(tmp_path, np.zeros((100, 6, 6, 3), np.uint8), labels)
    with pytest.raises(DataError, match=r"shape \(3, 6, 6\); expected grey"):
        stacked_digits(ROOT, of=colour)
    soft = saved(tmp_path, np.zeros((100, 4, 4), np.uint8), np.eye(10)[labels])
    with pytest.raises(DataError, match="labels are soft"):
        stacked_digits(ROOT, of=soft)
    with pytest.raises(ValueError, match="a table with its name"):
        stacked_digits(ROOT, of={"path": "x"})
    with pytest.raises(ValueError, match="train_samples is 0"):
        stacked_digits(ROOT, train_samples=0)
