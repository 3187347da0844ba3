"""MPO: its temperature against scipy's minimum of the dual, and where its improvements come to rest on a bandit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing
from smoothkit_policy.action_targets import action_targets
from smoothkit_policy.algorithms.mpo import best_temperature, divergence, improved
from tests.plugins.policy.algorithms.test_awr import BANDIT

ACTIONS = 4


def rows(seed, members=3, count=6, spread=1.0):
    """Log-probabilities, values of actions and row weights, some of them 0, in float64."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, members, count, ACTIONS, generator=generator, dtype=torch.float64)
    weights = (torch.rand(members, count, generator=generator) < 0.8).double()
    weights[:, 0] = 1
    return (2 * drawn[0]).log_softmax(-1), spread * drawn[1], weights


def dual(log_temperature, log_probs, values, kl):
    """The function that the temperature minimises, for one member whose rows all count."""
    temperature = np.exp(log_temperature)
    return temperature * kl + temperature * logsumexp(log_probs + values / temperature, axis=-1).mean()


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(1e-3, 0.3), st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_temperature_minimises_the_dual(seed, kl, spread):
    log_probs, values, weights = rows(seed, members=2, spread=spread)
    found = best_temperature(log_probs, values, weights, kl)
    for member in range(2):
        kept = weights[member] > 0
        own = log_probs[member][kept].numpy(), values[member][kept].numpy(), kl
        start = np.log(spread)
        least = minimize_scalar(
            dual, bounds=(start - 6, start + 8), args=own, method="bounded", options={"xatol": 1e-9}
        )
        # A minimum is flat, so that its place is known to half of the digits only.
        assert dual(found[member].log().item(), *own) == pytest.approx(least.fun, rel=1e-9, abs=1e-9 * spread)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(1e-4, 0.3), st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_improvement_is_as_far_from_the_policy_as_was_asked(seed, kl, spread):
    log_probs, values, weights = rows(seed, spread=spread)
    temperature = best_temperature(log_probs, values, weights, kl)
    log_q = improved(log_probs, values, temperature)
    assert_close(divergence(log_q, log_probs, weights), torch.full((3,), kl).double(), rtol=1e-6, atol=0)


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_what_an_action_is_worth_in_rows_that_do_not_count_is_not_read(seed):
    log_probs, values, weights = rows(seed)
    spoilt = torch.where(weights.unsqueeze(-1) > 0, values, 1e4)
    assert_close(best_temperature(log_probs, values, weights, 0.1), best_temperature(log_probs, spoilt, weights, 0.1))


def test_float32_finds_the_same_temperature():
    log_probs, values, weights = rows(5, count=64)
    exact = best_temperature(log_probs, values, weights, 0.01)
    assert_close(
        best_temperature(log_probs.float(), values.float(), weights.float(), 0.01).double(), exact, rtol=1e-3, atol=0
    )


def test_where_the_greedy_policy_is_near_enough_it_is_the_improvement():
    log_probs = torch.tensor([[[0.97, 0.01, 0.01, 0.01]]]).log()
    values = torch.tensor([[[1.0, 0.0, 0.5, 0.2]]])
    temperature = best_temperature(log_probs, values, torch.ones(1, 1), 0.1)
    assert_close(improved(log_probs, values, temperature).exp(), torch.tensor([[[1.0, 0, 0, 0]]]))


def test_where_actions_are_worth_the_same_the_policy_stays():
    log_probs, _, weights = rows(1)
    values = torch.full_like(log_probs, 3.0)
    log_q = improved(log_probs, values, best_temperature(log_probs, values, weights, 0.1))
    assert_close(log_q, log_probs)


def test_the_gradient_of_the_cross_entropy_to_the_improvement_is_autograds():
    from smoothkit_policy.action_targets import imitation_gradient, imitation_loss

    log_probs, values, weights = rows(3)
    targets = improved(log_probs, values, best_temperature(log_probs, values, weights, 0.1)).exp()
    logits = values.clone().requires_grad_()
    loss = imitation_loss(logits.log_softmax(-1), targets, weights)
    (expected,) = torch.autograd.grad(loss.sum(), logits)
    assert_close(imitation_gradient(values.log_softmax(-1), targets, weights), expected)


@pytest.mark.parametrize("alpha", [0.05, 0.3])
@pytest.mark.parametrize("kl", [0.01, 1.0])
def test_the_fixed_point_of_a_smoothed_improvement_on_a_bandit(alpha, kl):
    """pi = (1 - alpha) q + alpha u with q proportional to pi exp(Q / T) and KL(q || pi) = kl, by root finding."""
    worth = torch.tensor([1.0, 0.8, 0.3, 0.0])
    target, policy = LabelSmoothing(ACTIONS, alpha), torch.full((ACTIONS,), 1 / ACTIONS)
    for _ in range(400):
        log_probs, values = policy.log().view(1, 1, -1), worth.view(1, 1, -1)
        q = improved(log_probs, values, best_temperature(log_probs, values, torch.ones(1, 1), kl)).exp()
        policy = action_targets(target, q)[0, 0]
    assert_close(policy, torch.tensor(fixed_point(worth.double().numpy(), alpha, kl)).float(), rtol=2e-3, atol=1e-5)
    assert policy.min() >= alpha / ACTIONS - 1e-6
    greedy_is_near = -np.log(1 - alpha + alpha / ACTIONS) < kl
    if greedy_is_near:
        floor = torch.full((ACTIONS - 1,), alpha / ACTIONS)
        assert_close(policy[1:], floor, rtol=1e-4, atol=0)


def fixed_point(worth, alpha, kl):
    """Where pi_k = (alpha / K) / (1 - (1 - alpha) exp(Q_k / T) / Z): Z makes it sum to 1, T makes q keep to `kl`."""

    def policy(temperature):
        tilt = np.exp((worth - worth.max()) / temperature)
        least = (1 - alpha) * tilt.max()

        def excess(normaliser):
            return (alpha / ACTIONS / (1 - (1 - alpha) * tilt / normaliser)).sum() - 1

        return alpha / ACTIONS / (1 - (1 - alpha) * tilt / brentq(excess, least * (1 + 1e-12), least * 1e6, xtol=1e-15))

    def excess_kl(log_temperature):
        pi = policy(np.exp(log_temperature))
        q = (pi - alpha / ACTIONS) / (1 - alpha)
        kept = q > 1e-300
        return (q[kept] * np.log(q[kept] / pi[kept])).sum() - kl

    low, high = np.log(1e-2), np.log(1e2)
    return policy(np.exp(brentq(excess_kl, low, high) if excess_kl(low) > 0 else low))


@pytest.mark.parametrize("kl", [0.01, 1.0])
def test_training_comes_to_the_fixed_point_on_a_bandit(kl, learned):
    alpha = 0.3
    smoothed = ("target.name=ls", f"target.alpha={alpha}")
    short = ("train.total_timesteps=61440", "evaluate.every=61440")
    done = learned("algorithm.name=mpo", f"algorithm.improvement_kl={kl}", *smoothed, *BANDIT, *short)
    policy = done.trained[0].policy.table()[0]
    expected = torch.from_numpy(fixed_point(np.array([1.0, 0.8, 0.3, 0.0]), alpha, kl))
    assert_close(policy, expected, rtol=0, atol=2e-3)
    found = done.runs[0].history("target/improvement_kl")[-1][1]
    greedy_is_near = -np.log(1 - alpha + alpha / ACTIONS)
    assert found == pytest.approx(min(kl, greedy_is_near), rel=0.02)


CORRIDOR = ("environment.id=smoothkit/SwitchingCorridor-v0", "environment.options.switch_after=100000")
CHAIN = ("environment.id=smoothkit/Chain-v0", "environment.options={near=1,far=3}", "network.hidden=[16]")


@pytest.mark.parametrize("algorithm", ["awr", "mpo"])
def test_the_best_way_is_found(algorithm, learned):
    """With label smoothing the floor costs what it costs: (1 - alpha (K - 1) / K) of each of the corridor's rewards."""
    name, alpha = f"algorithm.name={algorithm}", 0.1
    short = ("environment.num_envs=32", "algorithm.num_steps=12", "train.total_timesteps=7680", "train.lr=0.02")
    seldom = ("run.log_every=10000", "evaluate.every=7680")
    smoothed = (name, "target.name=ls", f"target.alpha={alpha}", *short, *seldom)
    chain = learned(*smoothed, *CHAIN)
    assert chain.runs[0].history("eval/return_greedy")[-1][1] == 1
    corridor = learned(*smoothed, *CORRIDOR)
    found = corridor.runs[0].history("charts/episodic_return")[-1][1]
    assert found == pytest.approx(1 - alpha * (ACTIONS - 1) / ACTIONS, abs=0.03)


POLE = (
    *("environment.id=CartPole-v1", "environment.mode=native", "environment.num_envs=8", "network.hidden=[64,64]"),
    *("algorithm.num_steps=128", "train.total_timesteps=61440", "train.lr=0.001", "evaluate.every=61440"),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ("algorithm.name=awr",),
        ("algorithm.name=mpo", "algorithm.update_epochs=8", "environment.normalize_rewards=true"),
    ],
)
def test_a_pole_is_held_up(overrides, learned):
    done = learned(*overrides, *POLE, seeds=(0, 1, 2))
    returns = [run.history("charts/episodic_return")[-1][1] for run in done.runs]
    assert sorted(returns)[1] > 150
