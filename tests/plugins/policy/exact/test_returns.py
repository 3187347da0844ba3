"""Exact returns against an enumeration of all episodes, and against what is known of toy texts."""

import gymnasium
import pytest
import torch
from hypothesis import given, settings

from smoothkit_policy.environments.tables import tables_of
from smoothkit_policy.exact.returns import expected_return
from tests.plugins.policy.exact.mdps import episodes, floats, processes


@settings(max_examples=50)
@given(processes(most_phases=2), floats(0.0, 1.0))
def test_a_return_is_the_mean_over_all_episodes(process, discount):
    make, policy = process
    mdp = make()
    for phase in range(len(mdp.next_state)):
        enumerated = sum(
            chance * sum(reward * discount**step for step, reward in enumerate(rewards))
            for chance, rewards, _ in episodes(mdp, policy, phase)
        )
        assert float(expected_return(mdp, policy, phase, discount)) == pytest.approx(enumerated, abs=1e-12)


@settings(max_examples=30)
@given(processes(most_phases=2))
def test_the_last_phase_is_the_default(process):
    make, policy = process
    mdp = make()
    assert expected_return(mdp, policy).equal(expected_return(mdp, policy, len(mdp.next_state) - 1))


@settings(max_examples=30)
@given(processes())
def test_many_policies_at_once_are_each_what_they_are_alone(process):
    make, policy = process
    mdp = make()
    uniform = torch.full_like(policy, 1 / mdp.num_actions)
    many = torch.stack([policy, uniform, policy.flip(0)]).expand(2, 3, *policy.shape)
    alone = torch.stack([expected_return(mdp, one) for one in many[0]])
    torch.testing.assert_close(expected_return(mdp, many), alone.expand(2, 3), atol=1e-13, rtol=0)


def test_the_cliff_costs_a_step_each_and_a_hundred_where_one_falls():
    mdp = tables_of(gymnasium.make("CliffWalking-v1", max_episode_steps=10), 10)
    right = torch.zeros(48, 4, dtype=torch.float64)
    right[:, 1] = 1
    # From the corner each step to the right falls off the cliff, and begins again at the corner.
    assert float(expected_return(mdp, right)) == -1000
    up = right[:, [1, 0, 2, 3]]
    assert float(expected_return(mdp, up)) == -10


def test_a_policy_for_another_environment_is_refused():
    mdp = tables_of(gymnasium.make("FrozenLake-v1"), 100)
    with pytest.raises(ValueError, match=r"shape \(4, 16\); expected \(\.\.\., 16, 4\)"):
        expected_return(mdp, torch.zeros(4, 16, dtype=torch.float64))


def test_a_phase_that_is_not_there_is_refused():
    mdp = tables_of(gymnasium.make("FrozenLake-v1"), 100)
    with pytest.raises(ValueError, match="phase is 1; expected one of the 1 phases"):
        expected_return(mdp, torch.full((16, 4), 0.25, dtype=torch.float64), phase=1)
