"""SoftMatch's weights: against a loop with the standard library's mean and variance, and at their limits."""

import math
from statistics import mean, variance

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit_selftrain.labelling.weighting import GaussianWeights, truncated_gaussian

from .made import made_beliefs, made_logits

seeds = st.integers(0, 999)


def by_hand(values, centre, spread):
    return [1.0 if value >= centre else math.exp(-((value - centre) ** 2) / (2 * spread)) for value in values]


@given(seeds)
def test_the_whole_set_is_weighted_by_its_own_mean_and_variance(seed):
    beliefs = made_beliefs(made_logits(seed=seed))
    found = GaussianWeights(0.99, 3, 4).of_all(beliefs)
    for values, weights in zip(beliefs.confidence.tolist(), found, strict=True):
        assert_close(weights, torch.tensor(by_hand(values, mean(values), variance(values))), rtol=1e-4, atol=1e-6)


@given(seeds, st.sampled_from([0.0, 0.5, 0.99]))
def test_batches_are_weighted_by_running_ones_from_1_over_k_and_1(seed, decay):
    weighting, centre, spread = GaussianWeights(decay, 1, 4), 0.25, 1.0
    for step in range(4):
        beliefs = made_beliefs(made_logits(1, 12, seed=seed + 1000 * step))
        values = beliefs.confidence[0].tolist()
        centre = decay * centre + (1 - decay) * mean(values)
        spread = decay * spread + (1 - decay) * variance(values)
        expected = torch.tensor([by_hand(values, centre, spread)])
        assert_close(weighting.of_batch(beliefs), expected, rtol=1e-4, atol=1e-6)


def test_weights_rise_with_confidence_from_the_gaussian_to_one():
    confidence = torch.linspace(0.1, 1, 50).unsqueeze(0)
    weights = truncated_gaussian(confidence, torch.tensor([0.6]), torch.tensor([0.04]))
    assert (weights.diff(dim=1) >= 0).all()
    assert (weights[confidence >= 0.6] == 1).all()
    one_deviation_below = truncated_gaussian(torch.tensor([[0.4]]), torch.tensor([0.6]), torch.tensor([0.04]))
    assert one_deviation_below.item() == pytest.approx(math.exp(-0.5), rel=1e-5)


@pytest.mark.parametrize("batch", [1, 40])
def test_equal_confidences_have_weight_one(batch):
    """Their variance is 0, and that of a single one does not exist."""
    logits = made_logits(2, 1).expand(2, batch, 4)
    assert_close(GaussianWeights(0.0, 2, 4).of_batch(made_beliefs(logits)), torch.ones(2, batch))
