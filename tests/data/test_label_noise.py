"""Label noise: rates, where the flipped labels go, and what stays clean."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.data.label_noise import add_label_noise, asymmetric_noise, symmetric_noise

N, K = 40_000, 5
CLEAN = torch.arange(N) % K


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def dataset(labels=CLEAN):
    part = ImageSet(torch.zeros(len(labels), 1), labels)
    return Dataset(part, part, tuple("abcde"), (0.0,), (1.0,), name="letters")


def confusion(noisy):
    return torch.zeros(K, K).index_put_((CLEAN, noisy), torch.ones(N), accumulate=True) / (N / K)


def test_symmetric_noise_goes_to_all_other_classes_alike():
    expected = torch.full((K, K), 0.4 / (K - 1)).fill_diagonal_(0.6)
    # The standard deviation of a cell's share is at most sqrt(0.24 / 8000) = 0.0055.
    assert (confusion(symmetric_noise(CLEAN, 0.4, K, generator())) - expected).abs().max() < 5 * 0.0055


def test_asymmetric_noise_goes_to_the_next_class():
    eye = torch.eye(K)
    expected = 0.7 * eye + 0.3 * eye.roll(1, dims=1)
    assert (confusion(asymmetric_noise(CLEAN, 0.3, K, generator())) - expected).abs().max() < 5 * 0.0052


@given(rate=st.sampled_from([0.0, 1.0]), num_classes=st.integers(2, 9), seed=st.integers(0, 99))
@settings(deadline=None)
def test_the_ends_of_the_range(rate, num_classes, seed):
    labels = torch.arange(50) % num_classes
    for flip in (symmetric_noise, asymmetric_noise):
        noisy = flip(labels, rate, num_classes, generator(seed))
        assert bool((noisy != labels).all()) == (rate == 1.0)
        assert bool((noisy == labels).all()) == (rate == 0.0)
        assert noisy.min() >= 0
        assert noisy.max() < num_classes


def test_only_the_training_part_is_noisy():
    noisy = add_label_noise(dataset(), "symmetric", 0.2, seed=3)
    assert (noisy.train.labels != CLEAN).float().mean() == pytest.approx(0.2, abs=0.01)
    assert torch.equal(noisy.test.labels, CLEAN)
    assert torch.equal(add_label_noise(dataset(), "symmetric", 0.2, seed=3).train.labels, noisy.train.labels)
    assert not torch.equal(add_label_noise(dataset(), "symmetric", 0.2, seed=4).train.labels, noisy.train.labels)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_rates_out_of_range_are_named(rate):
    with pytest.raises(ValueError, match=f"rate is {rate}; expected a probability"):
        add_label_noise(dataset(), "asymmetric", rate, seed=0)


def test_one_class_cannot_be_confused():
    with pytest.raises(ValueError, match="num_classes is 1; expected at least 2"):
        symmetric_noise(CLEAN, 0.1, 1, generator())


def test_soft_labels_have_no_entry_to_flip():
    with pytest.raises(ValueError, match="labels of letters are soft"):
        add_label_noise(dataset(torch.full((10, K), 1 / K)), "symmetric", 0.1, seed=0)
