"""Closed-form gradients against automatic differentiation, and against the core's targets where they say the same."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import ConfidencePenalty, LabelSmoothing
from smoothkit_policy.exploration.entropy import entropy_gradient, entropy_penalty
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient, kl_uniform_penalty
from smoothkit_policy.exploration.maxent import soft_rewards
from smoothkit_policy.exploration.mixing import gradient_share, mixed
from smoothkit_policy.exploration.naive import naive_gradient, policy_gradient

ACTIONS = 4
exactly = partial(assert_close, rtol=0.0, atol=1e-12)
logits = st.lists(
    st.lists(st.floats(-30, 30, allow_subnormal=False), min_size=ACTIONS, max_size=ACTIONS), min_size=1, max_size=5
).map(lambda rows: torch.tensor(rows, dtype=torch.float64))
shares = st.floats(0, 0.99, allow_subnormal=False)


def derivative(loss, at):
    """That of the sum over rows, by automatic differentiation."""
    asked = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(asked.log_softmax(-1)).sum(), asked)
    return found


def rows_of(at, seed=0):
    """An action and an advantage for each row, of either sign."""
    generator = torch.Generator().manual_seed(seed)
    actions = torch.randint(ACTIONS, at.shape[:-1], generator=generator)
    return actions, torch.randn(at.shape[:-1], generator=generator, dtype=torch.float64)


@given(logits)
def test_penalties_are_divergences_from_u_and_to_u(at):
    policy, uniform = (
        torch.distributions.Categorical(logits=at),
        torch.distributions.Categorical(logits=torch.zeros_like(at)),
    )
    log_probs = at.log_softmax(-1)
    exactly(entropy_penalty(log_probs), torch.distributions.kl_divergence(policy, uniform))
    exactly(kl_uniform_penalty(log_probs), torch.distributions.kl_divergence(uniform, policy))


@given(logits)
def test_gradients_of_penalties_are_derivatives(at):
    log_probs = at.log_softmax(-1)
    for penalty, gradient in ((entropy_penalty, entropy_gradient), (kl_uniform_penalty, kl_uniform_gradient)):
        found = gradient(log_probs)
        exactly(found, derivative(penalty, at))
        exactly(found.sum(-1), torch.zeros(len(at), dtype=torch.float64))


@given(logits, st.floats(0.01, 1, allow_subnormal=False))
def test_label_smoothing_adds_the_divergence_from_u(at, alpha):
    actions, _ = rows_of(at)
    asked = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(LabelSmoothing(ACTIONS, alpha)(asked, actions, reduction="sum"), asked)
    log_probs = at.log_softmax(-1)
    by_parts = (1 - alpha) * policy_gradient(log_probs, actions) + alpha * kl_uniform_gradient(log_probs)
    exactly(by_parts, found)


@given(logits, st.floats(0.01, 1, allow_subnormal=False))
def test_the_confidence_penalty_adds_the_divergence_to_u(at, beta):
    actions, _ = rows_of(at)
    asked = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(ConfidencePenalty(ACTIONS, beta)(asked, actions, reduction="sum"), asked)
    log_probs = at.log_softmax(-1)
    exactly(policy_gradient(log_probs, actions) + beta * entropy_gradient(log_probs), found)


@given(logits, shares, st.integers(0, 9))
def test_the_naive_gradient_is_that_of_a_smoothed_label_under_its_advantage(at, alpha, seed):
    actions, advantages = rows_of(at, seed)
    target = (1 - alpha) * torch.nn.functional.one_hot(actions, ACTIONS).double() + alpha / ACTIONS

    def loss(log_probs):
        return -advantages * (target * log_probs).sum(-1)

    found = naive_gradient(at.log_softmax(-1), actions, advantages, advantages, alpha)
    exactly(found, derivative(loss, at))


def test_clipping_leaves_the_naive_regulariser_as_it_is():
    at = torch.randn(3, ACTIONS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    actions, advantages = rows_of(at)
    found = naive_gradient(at.log_softmax(-1), actions, torch.zeros_like(advantages), advantages, 0.25)
    exactly(found, 0.25 * advantages[:, None] * kl_uniform_gradient(at.log_softmax(-1)))


@given(logits, shares, st.integers(0, 9))
def test_the_gradient_through_a_mixture_is_a_share_of_the_plain_one(at, epsilon, seed):
    actions, _ = rows_of(at, seed)
    chosen = actions.unsqueeze(-1)
    acting = mixed(at.log_softmax(-1), epsilon).gather(-1, chosen).squeeze(-1)
    share = gradient_share(acting, epsilon, ACTIONS)
    found = derivative(lambda log_probs: -mixed(log_probs, epsilon).gather(-1, chosen).squeeze(-1), at)
    # The share is a difference of numbers near 1, whose rounding is that of 1.
    exactly(share.unsqueeze(-1) * policy_gradient(at.log_softmax(-1), actions), found)


@given(logits, shares)
def test_a_mixture_is_a_distribution_with_a_floor(at, epsilon):
    acting = mixed(at.log_softmax(-1), epsilon).exp()
    exactly(acting.sum(-1), torch.ones(len(at), dtype=torch.float64))
    assert acting.min() >= epsilon / ACTIONS - 1e-12


def test_soft_rewards_have_the_entropy_as_their_mean_over_actions():
    log_probs = torch.randn(2, 3, ACTIONS, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).log_softmax(
        -1
    )
    coef = torch.tensor([0.5, 2.0], dtype=torch.float64)
    rewards = torch.ones(2, 3, dtype=torch.float64)
    mean = sum(log_probs[..., a].exp() * soft_rewards(rewards, log_probs[..., a], coef) for a in range(ACTIONS))
    exactly(mean, rewards + coef[:, None] * (math.log(ACTIONS) - entropy_penalty(log_probs)))


@pytest.mark.parametrize("gradient", [entropy_gradient, kl_uniform_gradient])
def test_gradients_are_finite_where_a_probability_underflows(gradient):
    found = gradient(torch.tensor([[0.0, -200.0]]).log_softmax(-1))
    assert torch.isfinite(found).all()
