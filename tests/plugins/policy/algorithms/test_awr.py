"""AWR: its weights, its gradient against autograd's, and where it comes to rest on a bandit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing
from smoothkit_policy.action_targets import action_targets
from smoothkit_policy.algorithms import awr, imitation, mpo
from smoothkit_policy.algorithms.awr import advantage_weights, effective_share
from tests.plugins.policy.algorithms.reference import penalised

ACTIONS = 4
MODULES = {"awr": awr, "mpo": mpo}


def rows(seed, members=3, count=40):
    """Advantages, and row weights of which some are 0, in float64."""
    source = torch.Generator().manual_seed(seed)
    kept = (torch.rand(members, count, generator=source) < 0.7).double()
    kept[:, :2] = 1
    return torch.randn(members, count, generator=source, dtype=torch.float64), kept


@given(st.integers(0, 1000), st.floats(0.2, 5), st.floats(1, 20))
def test_weights_have_the_mean_1_over_rows_that_count(seed, temperature, largest):
    advantages, kept = rows(seed)
    weights = advantage_weights(advantages, kept, temperature, largest)
    assert_close(weights.sum(1), kept.sum(1))
    assert bool((weights >= 0).all())
    assert not weights[kept == 0].any()


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_weights_do_not_depend_on_the_scale_of_rewards(seed, scale, shift):
    advantages, kept = rows(seed)
    found = advantage_weights(advantages * scale + shift, kept, 0.5, 20.0)
    assert_close(found, advantage_weights(advantages, kept, 0.5, 20.0), rtol=1e-4, atol=1e-6)


def test_weights_are_those_of_the_paper_before_they_are_brought_to_the_mean_1():
    advantages, kept = rows(0)
    weights = advantage_weights(advantages, kept, 0.5, 20.0)
    for own, counts, found in zip(advantages, kept > 0, weights, strict=True):
        normal = (own[counts] - own[counts].mean()) / own[counts].std(correction=0)
        expected = (normal / 0.5).exp().clamp(max=20.0)
        assert_close(found[counts], expected / expected.mean(), rtol=1e-6, atol=0)


def test_no_weight_is_larger_than_allowed_in_units_of_another():
    advantages = torch.tensor([[0.0] * 98 + [-1.0, 50.0]])
    weights = advantage_weights(advantages, torch.ones(1, 100), 0.5, 3.0)
    typical = np.exp((0 - advantages.mean().item()) / advantages.std(correction=0).item() / 0.5)
    assert weights.max().item() / weights[0, 0].item() == pytest.approx(3.0 / typical, rel=1e-5)


def test_advantages_that_are_all_alike_weigh_the_same():
    weights = advantage_weights(torch.full((2, 5), 7.0), torch.ones(2, 5), 1.0, 20.0)
    assert_close(weights, torch.ones(2, 5))
    assert_close(effective_share(weights, torch.ones(2, 5)), torch.ones(2))


@pytest.mark.parametrize("term", ["none", "entropy", "kl_uniform"])
@pytest.mark.parametrize("algorithm", ["awr", "mpo"])
def test_a_step_has_the_gradient_of_the_weighted_cross_entropy(algorithm, term, make_agents, monkeypatch):
    """Of what `update` hands over, through the whole network, with rows that do not count."""
    overrides = [] if term == "none" else [f"exploration.term={term}", "exploration.coef=0.3"]
    smoothed = ("target.name=ls", "target.alpha=0.2")
    agents = make_agents(f"algorithm.name={algorithm}", *smoothed, *overrides, seeds=(0, 1))
    batch = agents.gathered()
    source = torch.Generator().manual_seed(3)
    batch.weights.copy_((torch.rand(batch.weights.shape, generator=source) < 0.8).float())
    lessons = []
    module = MODULES[algorithm]
    monkeypatch.setattr(module, "one_pass", lambda agents, options, lesson, *rest: lessons.append(lesson) or {})
    module.update(agents, batch, 0.0, is_recording=False)
    assert len(lessons) == agents.config.algorithm.update_epochs
    lesson = lessons[0]
    logits, said = (each.clone().requires_grad_() for each in agents.network(lesson.observations))
    share = lesson.weights / lesson.weights.sum(1, keepdim=True)
    loss = -(lesson.targets * logits.log_softmax(2)).sum(2).mul(lesson.strengths * share).sum()
    chosen = said.gather(2, lesson.outputs.unsqueeze(2)).squeeze(2)
    loss = loss + 0.5 * 0.5 * ((chosen - lesson.returns).square() * share).sum()
    penalised(loss, term, 0.3, logits, share).backward()
    agents.network.backward(logits.grad, said.grad)
    expected = agents.network.flat.grad.clone()
    agents.optimiser.step = lambda: None
    imitation.step(agents, agents.config.algorithm.vf_coef, lesson, is_recording=False)
    assert expected.abs().max() > 1e-3
    assert_close(agents.network.flat.grad, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("algorithm", ["awr", "mpo"])
def test_a_rollout_of_nothing_but_resets_teaches_nothing(algorithm, make_agents):
    agents = make_agents(f"algorithm.name={algorithm}", seeds=(0, 1))
    batch, before = agents.gathered(), agents.network.flat.clone()
    batch.weights.zero_()
    MODULES[algorithm].update(agents, batch, 0.0, is_recording=True)
    assert torch.equal(agents.network.flat, before)


@pytest.mark.parametrize("algorithm", ["awr", "mpo"])
def test_a_member_that_only_reset_stays_finite_among_others(algorithm, make_agents):
    agents = make_agents(f"algorithm.name={algorithm}", seeds=(0, 1))
    batch = agents.gathered()
    batch.weights[0] = 0
    MODULES[algorithm].update(agents, batch, 0.0, is_recording=True)
    assert bool(agents.network.flat.isfinite().all())


@pytest.mark.parametrize("alpha", [0.05, 0.3])
@pytest.mark.parametrize("temperature", [0.7, 3.0])
def test_the_fixed_point_of_the_regression_on_a_bandit(alpha, temperature):
    """Rows are the arms, each as often as the policy draws it: pi_k = (alpha / K) / (1 - (1 - alpha) w_k)."""
    worth = torch.tensor([1.0, 0.8, 0.3, 0.0], dtype=torch.float64)
    policy = torch.full((ACTIONS,), 1 / ACTIONS, dtype=torch.float64)
    targets = action_targets(LabelSmoothing(ACTIONS, alpha), torch.arange(ACTIONS).unsqueeze(0))[0].double()
    targets = targets / targets.sum(1, keepdim=True)
    for _ in range(2000):
        weights = advantage_weights(worth.unsqueeze(0), policy.unsqueeze(0), temperature, 20.0)[0]
        # The minimum of the weighted cross-entropy: the mean target under the weights, which contain the policy.
        policy = weights @ targets
    assert_close(policy, torch.from_numpy(fixed_point(worth.numpy(), alpha, temperature)), rtol=1e-5, atol=1e-7)
    assert policy.min() > alpha / ACTIONS


def fixed_point(worth, alpha, temperature):
    """The deviation of Q under the policy fixes the tilt, and the policy's total of 1 the normaliser."""

    def policy(deviation):
        tilt = np.exp((worth - worth.max()) / (deviation * temperature))

        def excess(normaliser):
            return (alpha / ACTIONS / (1 - (1 - alpha) * tilt / normaliser)).sum() - 1

        least = 1 - alpha
        return alpha / ACTIONS / (1 - (1 - alpha) * tilt / brentq(excess, least * (1 + 1e-12), 1e6, xtol=1e-15))

    def excess_deviation(deviation):
        pi = policy(deviation)
        return np.sqrt(pi @ (worth - pi @ worth) ** 2) - deviation

    return policy(brentq(excess_deviation, 1e-2, 1.0, xtol=1e-14))


BANDIT = (
    *("environment.id=smoothkit/Bandit-v0", "environment.options.means=[1.0,0.8,0.3,0.0]", "environment.num_envs=64"),
    *("algorithm.num_steps=16", "algorithm.num_minibatches=1", "train.total_timesteps=102400", "train.lr=0.04"),
    *("network.hidden=[]", "train.max_grad_norm=100.0", "evaluate.every=102400", "run.log_every=10000"),
)


def test_training_comes_to_the_fixed_point_on_a_bandit(learned):
    alpha, temperature = 0.3, 0.7
    smoothed = ("target.name=ls", f"target.alpha={alpha}")
    done = learned("algorithm.name=awr", f"algorithm.temperature={temperature}", *smoothed, *BANDIT)
    policy = done.trained[0].policy.table()[0]
    expected = torch.from_numpy(fixed_point(np.array([1.0, 0.8, 0.3, 0.0]), alpha, temperature))
    assert_close(policy, expected, rtol=0, atol=0.01)
    assert done.trained[0].smoothing == pytest.approx(alpha)
