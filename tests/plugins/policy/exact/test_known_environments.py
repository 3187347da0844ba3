"""Our own environments, whose returns and optima have closed forms."""

import pytest
import torch

from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import describe
from smoothkit_policy.exact.occupancy import occupancy, reachable_states
from smoothkit_policy.exact.optimum import optimal_policy, optimal_return, regularised_optimum
from smoothkit_policy.exact.returns import expected_return


def known(name, max_episode_steps=None, **options):
    config = EnvironmentConfig(id=f"smoothkit/{name}-v0", options=options, max_episode_steps=max_episode_steps)
    return describe(config)[1]


def uniform(mdp):
    return torch.full((mdp.num_states, mdp.num_actions), 1 / mdp.num_actions, dtype=torch.float64)


@pytest.mark.parametrize(
    ("mdp", "optimum"),
    [
        (known("SwitchingCorridor"), 1.0),
        (known("DeepSea", size=8), 0.99),
        (known("DeepSea", size=20), 0.99),
        (known("Chain"), 1.0),
        # Worth the way, and not worth it in time, which different discounts find.
        (known("Chain", small=0.5), 1.0),
        (known("Chain", small=0.5, max_episode_steps=3), 0.5),
        (known("Bandit", means=(0.2, 0.7), noise=3.0), 0.7),
    ],
)
def test_optima(mdp, optimum):
    assert optimal_return(mdp) == pytest.approx(optimum)
    assert float(expected_return(mdp, optimal_policy(mdp))) == pytest.approx(optimum)


def test_a_policy_that_cannot_know_how_many_steps_are_left_may_fall_short():
    # The far end is out of reach of two steps, which only those know who count them.
    mdp = known("Chain", far=3, near=1, small=0.1, max_episode_steps=2)
    assert optimal_return(mdp) == pytest.approx(0.1)
    assert float(expected_return(mdp, optimal_policy(mdp))) == 0


@pytest.mark.parametrize("size", [3, 8, 14])
def test_the_treasure_is_found_once_in_two_to_the_depth(size):
    mdp = known("DeepSea", size=size)
    # Each step goes right with a chance of one half, which costs 0.01 / size.
    assert float(expected_return(mdp, uniform(mdp))) == pytest.approx(0.5**size - 0.01 / 2, abs=1e-12)
    assert int(reachable_states(mdp).sum()) == size * (size + 1) // 2


def test_a_walk_on_the_chain_is_the_gamblers_ruin():
    mdp = known("Chain", near=2, far=14, small=0.1, max_episode_steps=5000)
    found = occupancy(mdp, uniform(mdp))
    # From 2 of 16, the far end comes first with a chance of 2 / 16, after 2 times 14 steps on average.
    assert float(found.returns) == pytest.approx(2 / 16 + 0.1 * 14 / 16, abs=1e-9)
    assert float(found.visits.sum()) == pytest.approx(28, abs=1e-6)


@pytest.mark.parametrize("coef", [0.01, 0.1, 1.0])
def test_the_bandits_optimum_keeps_the_floor(coef):
    mdp = known("Bandit", means=(1.0, 0.0), noise=0.5)
    policy, values = regularised_optimum(mdp, "kl_uniform", coef, 0.9)
    # Of two arms a gap of 1 apart: p = (coef / 2) / (mu - Q) with sum 1, a quadratic in mu.
    mu = (1 + coef + (1 + coef**2) ** 0.5) / 2
    assert policy[0].tolist() == pytest.approx([coef / 2 / (mu - 1), coef / 2 / mu], rel=1e-9)
    assert policy[0, 1].item() >= coef / (2 * (1 + coef))
    kl = -0.5 * (policy[0] * 2).log().sum().item()
    assert values.item() == pytest.approx(policy[0, 0].item() - coef * kl)
    boltzmann, _ = regularised_optimum(mdp, "entropy", coef, 0.9)
    assert boltzmann[0, 0].item() == pytest.approx(1 / (1 + torch.tensor(-1 / coef).double().exp().item()), rel=1e-9)


@pytest.mark.parametrize(("term", "coef"), [("kl_uniform", 0.02), ("entropy", 0.05)])
def test_what_a_term_costs_is_linear_for_one_and_exponential_for_the_other(term, coef):
    mdp = known("SwitchingCorridor")
    policy, _ = regularised_optimum(mdp, term, coef, 0.99)
    narrow, _ = regularised_optimum(mdp, term, coef / 4, 0.99)
    costs = [1 - float(expected_return(mdp, each)) for each in (policy, narrow)]
    if term == "kl_uniform":
        assert costs[0] / costs[1] == pytest.approx(4, rel=0.25)
    else:
        assert costs[0] / costs[1] > 100
