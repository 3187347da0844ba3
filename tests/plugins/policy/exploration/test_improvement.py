"""The improved policy as a target: a distribution, and the policy gradient with a regulariser beside it."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit_policy.exploration.improvement import alpha_of, improvement_gradient, improvement_target, smoothed
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient
from smoothkit_policy.exploration.naive import policy_gradient

exactly = partial(assert_close, rtol=0.0, atol=1e-12)
rows = st.integers(0, 10_000).map(lambda seed: made(seed))
steps = st.floats(1e-3, 2, allow_subnormal=False)


def made(seed, actions=5):
    """Log-probabilities, actions and advantages of 20 rows."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(20, actions, dtype=torch.float64, generator=generator)
    taken = torch.randint(actions, (20,), generator=generator)
    return logits, taken, torch.randn(20, dtype=torch.float64, generator=generator)


@given(rows, steps)
def test_a_target_is_a_distribution(found, step):
    logits, actions, advantages = found
    targets, _ = improvement_target(logits.softmax(-1), actions, advantages, step)
    assert targets.min() >= 0
    exactly(targets.sum(-1), torch.ones(20, dtype=torch.float64))


@given(rows, steps)
def test_a_clipped_target_is_the_step_without_its_negative_entries(found, step):
    logits, actions, advantages = found
    policy = logits.softmax(-1)
    label = torch.nn.functional.one_hot(actions, 5)
    wanted = policy + step * advantages.unsqueeze(-1) * (label - policy)
    targets, clipped = improvement_target(policy, actions, advantages, step)
    kept = wanted.clamp(min=0)
    exactly(targets, kept / kept.sum(-1, keepdim=True))
    outside = wanted.min(-1).values
    assert clipped[outside < -1e-12].all()
    assert not clipped[outside > 0].any()


@given(rows, st.floats(1e-3, 0.05, allow_subnormal=False), st.floats(0, 2, allow_subnormal=False))
def test_at_the_policy_it_is_the_policy_gradient_and_the_divergence_from_u_for_either_sign(found, step, coef):
    logits, actions, advantages = found
    asked = logits.clone().requires_grad_()
    log_probs = asked.log_softmax(-1)
    policy = log_probs.detach().exp()
    targets, clipped = improvement_target(policy, actions, advantages, step)
    alpha = alpha_of(coef, step)
    loss = -(smoothed(targets, alpha) * log_probs).sum(-1) / ((1 - alpha) * step)
    (by_autograd,) = torch.autograd.grad(loss.sum(), asked)
    kept = log_probs.detach()
    gradient = improvement_gradient(kept, smoothed(targets, alpha), alpha, step)
    # A division by a small step magnifies rounding: 1e-12 is of the loss before it.
    exactly(gradient * step, by_autograd * step)
    parts = advantages.unsqueeze(-1) * policy_gradient(kept, actions) + coef * kl_uniform_gradient(kept)
    whole = ~clipped
    assert whole[advantages > 0].any()
    assert whole[advantages < 0].any()
    exactly((gradient * step)[whole], (parts * step)[whole])


@given(st.floats(0, 10, allow_subnormal=False), steps)
def test_alpha_is_the_smoothing_whose_coefficient_it_is(coef, step):
    alpha = alpha_of(coef, step)
    assert 0 <= alpha < 1
    assert alpha / ((1 - alpha) * step) == pytest.approx(coef, rel=1e-9, abs=1e-12)


def test_a_sure_policy_has_nothing_to_take_away():
    policy = torch.tensor([[1.0, 0.0]])
    for advantage in (-3.0, 3.0):
        targets, _ = improvement_target(policy, torch.tensor([0]), torch.tensor([advantage]), 0.1)
        assert_close(targets, policy)
    targets, clipped = improvement_target(policy, torch.tensor([1]), torch.tensor([-1.0]), 0.1)
    assert_close(targets, policy)
    assert clipped.all()


def test_members_have_coefficients_and_steps_of_their_own():
    logits, actions, advantages = (torch.stack([each, each]) for each in made(3))
    step = torch.tensor([[0.01], [0.02]], dtype=torch.float64)
    coef = torch.tensor([0.1, 1.0], dtype=torch.float64).view(-1, 1, 1)
    alpha = alpha_of(coef, step.unsqueeze(-1))
    targets, _ = improvement_target(logits.softmax(-1), actions, advantages, step)
    found = improvement_gradient(logits.log_softmax(-1), smoothed(targets, alpha), alpha, step.unsqueeze(-1))
    for member, (own_step, own_coef) in enumerate(((0.01, 0.1), (0.02, 1.0))):
        own, _ = improvement_target(logits[member].softmax(-1), actions[member], advantages[member], own_step)
        own_alpha = alpha_of(own_coef, own_step)
        alone = improvement_gradient(logits[member].log_softmax(-1), smoothed(own, own_alpha), own_alpha, own_step)
        exactly(found[member], alone)
