"""The generator of two groups: what its options say is what its samples show."""

from pathlib import Path

import pytest
import torch

from smoothkit_fairness.data.two_groups import two_groups

ROOT = Path("unused")


def make(**options):
    return two_groups(ROOT, **options)


def means(data, group):
    """Each class's mean over a group's test samples."""
    at = data.test.groups == group
    features, labels = data.test.images[at, :20].double(), data.test.labels[at]
    return torch.stack([features[labels == k].mean(0) for k in range(10)])


def test_shapes_shares_and_names():
    data = make(share=0.08, train_samples=3000)
    assert data.group_names == ("A", "B")
    assert torch.bincount(data.train.groups).tolist() == [2760, 240]
    assert torch.bincount(data.test.groups).tolist() == [10_000, 10_000]
    assert data.train.shape == (21,)
    assert data.num_classes == 10


def test_classes_are_equally_likely():
    counts = torch.bincount(make(test_samples=20_000).test.labels)
    assert (counts - 2000).abs().max() < 5 * (2000 * 0.9) ** 0.5


def test_without_a_shift_the_groups_are_alike():
    data = make(shift=0.0)
    # 1000 samples of unit noise in each class's mean, of both groups.
    assert (means(data, 0) - means(data, 1)).abs().max() < 5 * (2 / 1000) ** 0.5


@pytest.mark.parametrize("shift", [0.3, 1.0])
def test_a_shift_moves_the_means_and_keeps_their_spread(shift):
    data = make(shift=shift, classes=10, test_samples=40_000)
    first, other = means(data, 0), means(data, 1)
    # Var(m - sqrt(1 - s²) m - s m') = ((1 - sqrt(1 - s²))² + s²), over 200 entries.
    expected = ((1 - (1 - shift**2) ** 0.5) ** 2 + shift**2) ** 0.5
    assert (first - other).std().item() == pytest.approx(expected, rel=0.25)
    for found in (first, other):
        assert found.std().item() == pytest.approx(1, rel=0.25)


def test_samples_are_normal_around_their_means():
    data = make(separation=0.0, group_inputs=False)
    assert data.train.shape == (20,)
    assert data.test.images.mean().item() == pytest.approx(0, abs=5 / (20 * 20_000) ** 0.5)
    assert data.test.images.std().item() == pytest.approx(1, abs=5 / (2 * 20 * 20_000) ** 0.5)


def test_label_noise_is_each_groups_own_in_both_parts():
    clean, noisy = make(), make(group_noise=(0.02, 0.25))
    for part, other in ((clean.train, noisy.train), (clean.test, noisy.test)):
        assert torch.equal(part.images, other.images)
        for group, rate in ((0, 0.02), (1, 0.25)):
            at = part.groups == group
            wrong = (part.labels[at] != other.labels[at]).double().mean().item()
            assert wrong == pytest.approx(rate, abs=5 * (rate * (1 - rate) / int(at.sum())) ** 0.5)


def test_the_flag_says_the_group():
    data = make()
    assert torch.equal(data.train.images[:, -1].long(), data.train.groups)
    assert torch.equal(data.train.images[:, :-1], make(group_inputs=False).train.images)


def test_everything_depends_on_the_seed_alone():
    one, again, other = make(seed=3), make(seed=3), make(seed=4)
    assert torch.equal(one.train.images, again.train.images)
    assert torch.equal(one.test.labels, again.test.labels)
    assert not torch.equal(one.train.images, other.train.images)
    # The test part does not change with the size of the training part.
    assert torch.equal(one.test.images, make(seed=3, train_samples=100).test.images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.6}, r"share is 0\.6; expected a share above 0, at most 0\.5: B is the smaller group"),
        ({"share": 0.0}, r"share is 0\.0"),
        ({"shift": 1.5}, r"shift is 1\.5; expected 0 \(the same means\) to 1"),
        ({"group_noise": (0.1, 2.0)}, r"rate is 2\.0; expected a probability"),
        ({"separation": -1.0}, r"separation is -1\.0; expected at least 0"),
        ({"classes": 1}, "classes is 1; expected at least 2"),
        ({"dims": 0}, "dims is 0; expected at least 1"),
        ({"test_samples": 1}, "test_samples is 1; expected at least 2"),
        ({"seed": -1}, "seed is -1; expected at least 0"),
        (
            {"share": 0.001, "train_samples": 100},
            r"a share of 0\.001 of 100 training samples is none; expected at least one of B: raise `share`",
        ),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
