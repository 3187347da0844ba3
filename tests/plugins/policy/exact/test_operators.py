"""Maxima over the simplex against closed forms, root finding and a general optimiser."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq

from smoothkit_policy.exact.operators import maximum, penalty
from tests.plugins.policy.exact.mdps import floats

COEFFICIENTS = floats(1e-4, 10.0)
WORTH = st.integers(2, 6).flatmap(lambda actions: arrays(np.float64, (2, actions), elements=floats(-5.0, 5.0)))
TERMS = st.sampled_from(["kl_uniform", "entropy"])


def tensors(values):
    return torch.tensor(values, dtype=torch.float64)


@settings(max_examples=50)
@given(WORTH, COEFFICIENTS)
def test_kl_to_the_uniform_policy_holds_what_a_root_finder_finds(worth, coef):
    policy, _ = maximum("kl_uniform", torch.from_numpy(worth), coef)
    for row, found in zip(worth, policy.tolist(), strict=True):
        gaps = (row.max() - row) / coef
        y = brentq(lambda y, gaps=gaps: np.mean(1 / (y + gaps)) - 1, 1 / len(row) * (1 - 1e-12), 1 + 1e-12, xtol=1e-15)
        np.testing.assert_allclose(found, 1 / (len(row) * (y + gaps)), rtol=1e-9)


@pytest.mark.parametrize("coef", [1e-3, 0.05, 1.0, 50.0])
def test_a_root_among_many_actions(coef):
    worth = torch.rand(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 4
    policy, _ = maximum("kl_uniform", worth, coef)
    gaps = (worth.max() - worth).numpy() / coef
    y = brentq(lambda y: np.mean(1 / (y + gaps)) - 1, 1 / 2000, 1, xtol=1e-15)
    np.testing.assert_allclose(policy.numpy(), 1 / (2000 * (y + gaps)), rtol=1e-10)


@given(floats(0.0, 3.0), COEFFICIENTS)
def test_of_two_actions_the_root_is_that_of_a_quadratic(gap, coef):
    # With s = (mu - mean) / coef and d = gap / (2 coef): 1 / (s - d) + 1 / (s + d) = 2, so s^2 - s = d^2.
    d = gap / (2 * coef)
    s = (1 + (1 + 4 * d * d) ** 0.5) / 2
    policy, _ = maximum("kl_uniform", tensors([gap, 0.0]), coef)
    assert policy.tolist() == pytest.approx([(s + d) / (2 * s), 1 / (2 * (s + d))], rel=1e-12)


@settings(max_examples=50)
@given(WORTH, COEFFICIENTS, TERMS)
def test_the_value_is_what_the_policy_earns_less_its_term(worth, coef, term):
    worth = torch.from_numpy(worth)
    policy, value = maximum(term, worth, coef)
    torch.testing.assert_close(value, (policy * worth).sum(-1) - coef * penalty(term, policy), atol=1e-9, rtol=1e-9)


@given(WORTH, COEFFICIENTS, TERMS, st.data())
def test_no_policy_has_more(worth, coef, term, data):
    worth = torch.from_numpy(worth)
    logits = data.draw(arrays(np.float64, worth.shape, elements=floats(-4.0, 4.0)))
    other = torch.from_numpy(logits).softmax(-1)
    _, value = maximum(term, worth, coef)
    assert bool(((other * worth).sum(-1) - coef * penalty(term, other) <= value + 1e-9).all())


@settings(max_examples=40)
@given(WORTH, COEFFICIENTS, TERMS)
def test_the_gradient_of_the_value_is_the_policy(worth, coef, term):
    coef = max(coef, 0.05)  # Differences of the value are rounded off where it bends within a step.
    worth, step = torch.from_numpy(worth), 1e-5
    policy, _ = maximum(term, worth, coef)
    for action in range(worth.shape[-1]):
        move = torch.zeros_like(worth)
        move[:, action] = step
        slope = (maximum(term, worth + move, coef)[1] - maximum(term, worth - move, coef)[1]) / (2 * step)
        torch.testing.assert_close(slope, policy[:, action], atol=1e-6, rtol=0)


@given(WORTH, st.data(), COEFFICIENTS, TERMS)
def test_values_move_by_no_more_than_what_they_are_of(worth, data, coef, term):
    other = data.draw(arrays(np.float64, worth.shape, elements=floats(-5.0, 5.0)))
    one, two = (maximum(term, torch.from_numpy(each), coef)[1] for each in (worth, other))
    assert bool(((one - two).abs() <= torch.from_numpy(abs(worth - other).max(-1)) + 1e-9).all())


@given(WORTH, COEFFICIENTS, floats(-100.0, 100.0), TERMS)
def test_a_constant_shifts_the_value_and_leaves_the_policy(worth, coef, shift, term):
    worth = torch.from_numpy(worth)
    (policy, value), (shifted, more) = maximum(term, worth, coef), maximum(term, worth + shift, coef)
    torch.testing.assert_close(shifted, policy, atol=1e-8, rtol=0)
    torch.testing.assert_close(more, value + shift, atol=1e-10, rtol=0)


@given(WORTH, COEFFICIENTS)
def test_no_action_falls_below_its_floor(worth, coef):
    policy, _ = maximum("kl_uniform", torch.from_numpy(worth), coef)
    gaps = worth.max(-1, keepdims=True) - worth
    floor = torch.from_numpy(coef / (worth.shape[-1] * (gaps + coef)))
    assert bool((policy >= floor * (1 - 1e-12)).all())


@pytest.mark.parametrize(
    ("coef", "bad", "regret"), [(0.1, 0.0243, 0.073), (0.03, 0.0074, 0.022), (0.01, 0.0025, 0.0075)]
)
def test_the_published_example_of_four_arms(coef, bad, regret):
    worth = tensors([1.0, 0.0, 0.0, 0.0])
    policy, _ = maximum("kl_uniform", worth, coef)
    assert policy[1].item() == pytest.approx(bad, abs=5e-5)
    assert 1 - (policy @ worth).item() == pytest.approx(regret, abs=5e-4)
    boltzmann, _ = maximum("entropy", worth, coef)
    assert boltzmann[1].item() == pytest.approx(np.exp(-1 / coef) / (1 + 3 * np.exp(-1 / coef)), rel=1e-9)


@settings(max_examples=20)
@given(st.integers(2, 2000), COEFFICIENTS, TERMS)
def test_equal_worth_is_the_uniform_policy_at_no_cost(actions, coef, term):
    policy, value = maximum(term, torch.full((actions,), 3.0, dtype=torch.float64), coef)
    torch.testing.assert_close(policy, torch.full_like(policy, 1 / actions), atol=0, rtol=1e-12)
    assert value.item() == pytest.approx(3.0, abs=1e-11)


@pytest.mark.parametrize("term", ["kl_uniform", "entropy"])
def test_without_a_term_the_first_best_action_is_taken(term):
    policy, value = maximum(term, tensors([[0.0, 2.0, 2.0]]), 0.0)
    assert policy.tolist() == [[0, 1, 0]]
    assert value.tolist() == [2]


def test_extreme_gaps_stay_finite():
    policy, value = maximum("kl_uniform", tensors([1e6, -1e6, 0.0]), 1e-6)
    assert bool((policy > 0).all())
    assert policy.sum().item() == pytest.approx(1)
    assert value.item() == pytest.approx(1e6)


def test_penalties_are_divergences():
    uniform, certain = tensors([0.25] * 4), tensors([1.0, 0.0, 0.0, 0.0])
    assert penalty("kl_uniform", uniform).item() == pytest.approx(0)
    assert penalty("entropy", uniform).item() == pytest.approx(0)
    assert penalty("entropy", certain).item() == pytest.approx(np.log(4))
    assert penalty("kl_uniform", certain).item() == np.inf


def test_a_negative_coefficient_is_refused():
    with pytest.raises(ValueError, match="coef is -1"):
        maximum("entropy", tensors([0.0, 1.0]), -1.0)
