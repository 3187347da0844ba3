"""Coefficients that find themselves: laws of one step, and of where steps lead."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit_policy.config import AdaptiveConfig
from smoothkit_policy.exploration.adaptive import Adaptive, entropy_share, min_probability_share

CPU = torch.device("cpu")
UNIFORM = torch.zeros(1, 5, 4).log_softmax(-1)
SURE = torch.tensor([40.0, 0.0, 0.0, 0.0]).log_softmax(-1).expand(1, 5, 4)
ONES = torch.ones(1, 5)


def bound(**options):
    return Adaptive([AdaptiveConfig(**options)], CPU)


@pytest.mark.parametrize("share", [entropy_share, min_probability_share])
def test_quantities_are_shares_of_the_uniform_policys(share):
    assert_close(share(UNIFORM), torch.ones(1, 5))
    assert_close(share(SURE), torch.zeros(1, 5), atol=1e-4, rtol=0.0)


def test_quantities_of_a_mixture():
    log_probs = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    assert entropy_share(log_probs).item() == pytest.approx(1.75 * math.log(2) / math.log(4))
    assert min_probability_share(log_probs).item() == pytest.approx(0.5)


def test_below_the_bound_the_coefficient_rises_by_the_rate_at_most():
    moved = bound(at_least=0.2, rate=0.3).moved(torch.tensor([0.1]), SURE, ONES)
    assert moved.item() == pytest.approx(0.1 * math.exp(0.3), rel=1e-3)


def test_far_above_the_bound_it_falls_by_a_tenth_of_the_rate():
    moved = bound(at_least=0.2, rate=0.3).moved(torch.tensor([0.1]), UNIFORM, ONES)
    assert moved.item() == pytest.approx(0.1 * math.exp(-0.03))


def test_at_the_bound_it_stays():
    half = torch.tensor([0.5, 0.5, 1e-30, 1e-30]).log().expand(1, 5, 4)
    moved = bound(at_least=0.5).moved(torch.tensor([0.1]), half, ONES)
    assert moved.item() == pytest.approx(0.1)


@given(st.floats(1e-3, 2, allow_subnormal=False), st.booleans())
def test_it_never_leaves_its_range(coef, sure):
    asked = bound(rate=50.0)
    for _ in range(3):
        coef = asked.moved(torch.tensor([coef]), SURE if sure else UNIFORM, ONES).item()
    assert coef == pytest.approx(2.0 if sure else 1e-3)


def test_rows_that_do_not_count_are_not_looked_at():
    log_probs = torch.cat([UNIFORM[:, :2], SURE[:, :3]], 1)
    weights = torch.tensor([[1.0, 1, 0, 0, 0]])
    assert_close(bound().measured(log_probs, weights), torch.ones(1))
    assert_close(bound().measured(log_probs, 1 - weights), torch.zeros(1), atol=1e-4, rtol=0.0)


def test_members_have_bounds_and_quantities_of_their_own():
    log_probs = torch.tensor([0.97, 0.01, 0.01, 0.01]).log().expand(3, 5, 4)
    configs = [AdaptiveConfig(at_least=0.5), None, AdaptiveConfig(quantity="min_probability", at_least=0.01)]
    together = Adaptive(configs, CPU)
    assert together.any
    moved = together.moved(torch.tensor([0.1, 0.1, 0.1]), log_probs, torch.ones(3, 5))
    assert moved[0] > 0.1
    assert moved[1].item() == pytest.approx(0.1)
    assert moved[2] < 0.1
    assert not Adaptive([None], CPU).any


def test_it_leads_to_the_coefficient_that_holds_the_bound():
    """A bandit at its regularised optimum after each move: the entropy comes to the bound at any scale of rewards."""
    for scale in (0.01, 1.0, 20.0):
        asked, coef = bound(at_least=0.2, rate=0.3, lowest=1e-6, highest=1e3), torch.tensor([0.1])
        values = scale * torch.tensor([1.0, 0.5, 0.0, 0.0])
        for _ in range(300):
            log_probs = (values / coef).log_softmax(-1).expand(1, 5, 4)
            coef = asked.moved(coef, log_probs, ONES)
        assert asked.measured((values / coef).log_softmax(-1).expand(1, 5, 4), ONES).item() == pytest.approx(
            0.2, rel=0.01
        )
