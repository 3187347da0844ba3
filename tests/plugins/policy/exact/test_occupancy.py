"""Where policies spend their time, against an enumeration of all episodes."""

import math

import gymnasium
import pytest
import torch
from hypothesis import given, settings

from smoothkit_policy.environments.tables import tables_of
from smoothkit_policy.exact.occupancy import coverage, occupancy, reachable_states, shortfall, visitation_entropy
from smoothkit_policy.exact.returns import expected_return
from tests.plugins.policy.exact.mdps import episodes, processes, tables


@settings(max_examples=50)
@given(processes(most_phases=2))
def test_visits_are_those_of_all_episodes(process):
    make, policy = process
    mdp = make()
    visits = torch.zeros(mdp.num_states, dtype=torch.float64)
    for chance, _, states in episodes(mdp, policy):
        for state in states:
            visits[state] += chance
    torch.testing.assert_close(occupancy(mdp, policy).visits, visits, atol=1e-12, rtol=0)


@settings(max_examples=50)
@given(processes(most_phases=2))
def test_returns_forwards_in_time_are_those_backwards_in_time(process):
    make, policy = process
    mdp = make()
    both = torch.stack([policy, policy.flip(1)])
    forwards, backwards = occupancy(mdp, both).returns, expected_return(mdp, both)
    torch.testing.assert_close(forwards, backwards, atol=1e-12, rtol=0)


@given(tables(most_phases=2, most_steps=4))
def test_reachable_is_what_some_policy_visits(make):
    mdp = make()
    # A uniform policy goes wherever one can go, and phases may follow each other within an episode.
    merged = type(mdp)(
        **{name: getattr(mdp, name).transpose(0, 1).flatten(1, 2)[None] for name in FIELDS},
        start=mdp.start,
        phase_steps=(),
        max_episode_steps=mdp.max_episode_steps,
    )
    uniform = torch.full((mdp.num_states, merged.num_actions), 1 / merged.num_actions, dtype=torch.float64)
    assert reachable_states(mdp).equal(occupancy(merged, uniform).visits > 0)


FIELDS = ("next_state", "probability", "reward", "terminated")


def test_holes_and_the_goal_of_the_lake_are_no_places_to_act_in():
    lake = gymnasium.make("FrozenLake-v1", is_slippery=False)
    ice = [state for state, kind in enumerate(lake.unwrapped.desc.reshape(-1)) if kind in b"SF"]
    assert reachable_states(tables_of(lake, 100)).nonzero().squeeze(1).tolist() == ice


def test_an_episode_of_two_steps_reaches_no_further():
    reachable = reachable_states(tables_of(gymnasium.make("FrozenLake-v1", is_slippery=False), 2))
    assert reachable.nonzero().squeeze(1).tolist() == [0, 1, 4]


def test_coverage_counts_states_and_not_visits():
    reachable = torch.tensor([True, True, True, True, False])
    visits = torch.tensor([[9, 0, 1, 0, 0], [1, 1, 1, 1, 7]])
    assert coverage(visits, reachable).tolist() == [0.5, 1.0]


def test_entropy_of_visits_is_1_for_equal_ones_and_0_for_one_state():
    reachable = torch.tensor([True, True, True, True, False])
    visits = torch.tensor([[5, 5, 5, 5, 90], [3, 0, 0, 0, 1], [2, 2, 0, 0, 1]])
    assert visitation_entropy(visits, reachable).tolist() == pytest.approx([1, 0, 0.5])
    assert math.isnan(visitation_entropy(torch.zeros(5, dtype=torch.int64), reachable))


def test_a_shortfall_is_a_share_of_the_optimum_whatever_its_sign():
    returns = torch.tensor([-13.0, -26.0], dtype=torch.float64)
    assert shortfall(returns, -13.0).tolist() == [0, 1]
    assert shortfall(returns + 23, 20.0).tolist() == pytest.approx([0.5, 1.15])
    assert shortfall(returns, 0.0).isnan().all()
