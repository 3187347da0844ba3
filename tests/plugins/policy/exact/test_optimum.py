"""Optima against enumerations, plain value iteration and what is known of toy texts."""

import gymnasium
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit_policy.environments.tables import tables_of
from smoothkit_policy.exact.operators import maximum, penalty
from smoothkit_policy.exact.optimum import optimal_policy, optimal_return, regularised_optimum
from smoothkit_policy.exact.returns import expected_return
from tests.plugins.policy.exact.mdps import deterministic, floats, processes, tables

TERMS = st.sampled_from(["kl_uniform", "entropy"])


def lake(**options):
    return tables_of(gymnasium.make("FrozenLake-v1", **options), 100)


def best(mdp, state, left):
    """The largest mean of what is still to come, by trying every action."""
    if left == 0:
        return 0.0
    return max(
        sum(
            chance * (reward + (0 if end else best(mdp, following, left - 1)))
            for chance, reward, end, following in zip(
                *(
                    getattr(mdp, name)[-1, state, action].tolist()
                    for name in ("probability", "reward", "terminated", "next_state")
                ),
                strict=True,
            )
        )
        for action in range(mdp.num_actions)
    )


@given(tables(most_phases=2))
def test_the_optimum_is_the_best_of_all_that_can_be_tried(make):
    mdp = make()
    tried = sum(chance * best(mdp, state, mdp.max_episode_steps) for state, chance in enumerate(mdp.start.tolist()))
    assert optimal_return(mdp) == pytest.approx(tried, abs=1e-12)


@given(processes(most_states=4, most_steps=10))
def test_no_policy_returns_more_than_the_optimum(process):
    make, policy = process
    mdp = make()
    assert float(expected_return(mdp, policy)) <= optimal_return(mdp) + 1e-12


@settings(max_examples=25)
@given(tables(most_states=3, most_actions=2))
def test_a_stationary_optimum_is_the_best_of_all_where_the_limit_is_far(make):
    mdp = make()
    # A chance of one half to end after each step makes a limit of 100 steps unfelt.
    ending = mdp.terminated.new_zeros(mdp.terminated.shape)
    half = torch.cat([mdp.probability, mdp.probability], -1) / 2
    fields = {name: torch.cat([getattr(mdp, name)] * 2, -1) for name in ("next_state", "reward")}
    mdp = type(mdp)(
        **fields,
        probability=half,
        terminated=torch.cat([ending, ~ending], -1),
        start=mdp.start,
        phase_steps=(),
        max_episode_steps=100,
    )
    returned = float(expected_return(mdp, optimal_policy(mdp)))
    assert returned >= float(expected_return(mdp, deterministic(mdp)).max()) - 1e-4 * 8
    assert returned == pytest.approx(optimal_return(mdp), abs=1e-3)


def test_a_dry_lake_is_always_crossed():
    assert optimal_return(lake(is_slippery=False)) == 1.0
    # Putting the goal off is worth the same without a discount, so this shows that nothing is put off.
    assert float(expected_return(lake(is_slippery=False), optimal_policy(lake(is_slippery=False)))) == 1.0


def test_the_slippery_lake_is_crossed_three_times_in_four():
    # 14 / 17 without a limit, as is known of this map; 0.74 of episodes get there within 100 steps.
    without_limit = tables_of(gymnasium.make("FrozenLake-v1"), 5000)
    assert optimal_return(without_limit) == pytest.approx(14 / 17, abs=1e-6)
    assert float(expected_return(without_limit, optimal_policy(without_limit))) == pytest.approx(14 / 17, abs=1e-6)
    returned = float(expected_return(lake(), optimal_policy(lake())))
    assert returned == pytest.approx(0.74, abs=0.005)
    assert returned <= optimal_return(lake())


def test_the_cliff_is_walked_in_thirteen_steps():
    cliff = tables_of(gymnasium.make("CliffWalking-v1", max_episode_steps=200), 200)
    assert optimal_return(cliff) == -13
    assert float(expected_return(cliff, optimal_policy(cliff))) == -13


def test_the_taxi_needs_the_known_mean_of_steps():
    taxi = tables_of(gymnasium.make("Taxi-v4"), 200)
    # 7.93 is the mean return of the best policy over all starts, as reinforcement learning courses have it.
    assert optimal_return(taxi) == pytest.approx(7.93, abs=0.005)


@settings(max_examples=25)
@given(tables(most_states=4, most_phases=2), floats(0.01, 3.0), floats(0.0, 0.9), TERMS)
def test_policy_iteration_ends_where_value_iteration_does(make, coef, gamma, term):
    mdp = make()
    values = torch.zeros(mdp.num_states, dtype=torch.float64)
    for _ in range(230):
        ahead = mdp.reward[-1] + gamma * (values[mdp.next_state[-1]] * ~mdp.terminated[-1])
        policy, values = maximum(term, (mdp.probability[-1] * ahead).sum(-1), coef)
    found, worth = regularised_optimum(mdp, term, coef, gamma)
    torch.testing.assert_close(worth, values, atol=1e-9, rtol=0)
    torch.testing.assert_close(found, policy, atol=1e-7, rtol=0)


@settings(max_examples=25)
@given(processes(most_states=4), floats(0.01, 3.0), floats(0.0, 0.9), TERMS)
def test_no_policy_earns_more_once_the_term_is_paid(process, coef, gamma, term):
    make, policy = process
    mdp = make()
    paid = type(mdp)(
        next_state=mdp.next_state,
        probability=mdp.probability,
        reward=mdp.reward - coef * penalty(term, policy)[None, :, None, None],
        terminated=mdp.terminated,
        start=mdp.start,
        phase_steps=(),
        max_episode_steps=300,
    )
    _, values = regularised_optimum(mdp, term, coef, gamma)
    bound = float(mdp.start @ values)
    assert float(expected_return(paid, policy, discount=gamma)) <= bound + 1e-9


@given(tables(most_states=3))
def test_without_a_term_it_is_the_best_of_all_deterministic_policies(make):
    mdp = make()
    long = type(mdp)(**{**vars(mdp), "max_episode_steps": 60})
    _, values = regularised_optimum(mdp, "kl_uniform", 0.0, 0.5)
    tried = expected_return(long, deterministic(mdp), discount=0.5).max()
    assert float(mdp.start @ values) == pytest.approx(float(tried), abs=1e-9)


def test_a_wide_term_is_the_uniform_policy_and_a_narrow_one_the_optimum():
    wide, _ = regularised_optimum(lake(), "kl_uniform", 1e6, 0.99)
    torch.testing.assert_close(wide, torch.full_like(wide, 0.25), atol=1e-6, rtol=0)
    narrow, _ = regularised_optimum(lake(), "entropy", 1e-6, 0.99)
    assert float(expected_return(lake(), narrow)) == pytest.approx(0.74, abs=0.005)


@pytest.mark.parametrize("gamma", [1.0, -0.1])
def test_what_is_no_contraction_is_refused(gamma):
    with pytest.raises(ValueError, match=r"expected 0 or more and less than 1"):
        regularised_optimum(lake(), "entropy", 0.1, gamma)
