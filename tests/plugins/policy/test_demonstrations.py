"""Demonstrations: exact statistics of episodes in tables, the same episodes however copies are stepped, and experts."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit.errors import UserError
from smoothkit_policy.config import BCConfig, EnvironmentConfig
from smoothkit_policy.demonstrations import demonstrate, drawn, in_tables, in_world
from smoothkit_policy.environments.make import describe, make_world
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.optimum import optimal_policy, optimal_return
from smoothkit_policy.exact.returns import expected_return
from smoothkit_policy.experts import at_random, greedy

LAKE = EnvironmentConfig(id="FrozenLake-v1", options={"is_slippery": False})
SLIPPERY = EnvironmentConfig(id="FrozenLake-v1", options={"is_slippery": True})
POLE = EnvironmentConfig(id="CartPole-v1", max_episode_steps=12, num_envs=3, mode="sync")


def shown(environment, seed=0, **options):
    spec, tables = describe(environment)
    return demonstrate(BCConfig(name="bc", **options), environment, spec, tables, seed)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_optimal_policy_of_a_lake_without_slipping_takes_the_shortest_way():
    found = shown(LAKE, episodes=7)
    assert_close(found.returns, torch.ones(7, dtype=torch.float64))
    ways = found.observations.view(7, 6)
    assert bool((ways == ways[0]).all())
    _, tables = describe(LAKE)
    assert tables is not None
    following = tables.next_state[0, found.observations, found.actions, 0].view(7, 6)
    assert bool((following[:, :-1] == ways[:, 1:]).all())
    assert bool((following[:, -1] == 15).all())


@pytest.mark.parametrize("environment", [SLIPPERY, EnvironmentConfig(id="CliffWalking-v1", max_episode_steps=30)])
def test_returns_are_those_that_the_tables_tell(environment):
    """A noisy expert's mean return lies within four standard errors of the exact one."""
    episodes = 3000
    found = shown(environment, episodes=episodes, expert_noise=0.3)
    _, tables = describe(environment)
    assert tables is not None
    policy = at_random(optimal_policy(tables), 0.3)
    error = found.returns.std().item() / episodes**0.5
    assert found.returns.mean().item() == pytest.approx(expected_return(tables, policy).item(), abs=4 * error)
    assert len(found.actions) <= episodes * tables.max_episode_steps


def test_actions_are_drawn_by_the_policy():
    _, tables = describe(SLIPPERY)
    assert tables is not None
    policy = torch.rand(16, 4, generator=generator(), dtype=torch.float64).softmax(1)
    found = in_tables(tables, policy, 2000, generator())
    at_start = found.actions[found.observations == 0]
    share = at_start.bincount(minlength=4) / len(at_start)
    error = (policy[0] * (1 - policy[0]) / len(at_start)).sqrt()
    assert bool(((share - policy[0]).abs() < 4 * error).all())


def test_demonstrations_come_from_the_last_phase():
    found = shown(EnvironmentConfig(options={"switch_after": 100_000}), episodes=3)
    _, tables = describe(EnvironmentConfig())
    assert tables is not None
    assert_close(found.returns, torch.full((3,), optimal_return(tables), dtype=torch.float64))
    assert not torch.equal(optimal_policy(tables, phase=0), optimal_policy(tables))


def test_seeds_have_demonstrations_of_their_own():
    one, again, other = (shown(SLIPPERY, seed, episodes=5) for seed in (0, 0, 1))
    assert torch.equal(one.observations, again.observations)
    assert torch.equal(one.actions, again.actions)
    assert len(one.actions) != len(other.actions) or not torch.equal(one.observations, other.observations)


def test_draws_follow_probabilities_and_never_take_what_is_impossible():
    probs = torch.tensor([0.0, 0.25, 0.0, 0.75, 0.0], dtype=torch.float64)
    found = drawn(probs.expand(40_000, -1), generator()).bincount(minlength=5) / 40_000
    assert bool((found[probs == 0] == 0).all())
    assert_close(found.double(), probs, rtol=0, atol=0.01)
    # A total a little below 1, as rounding leaves it.
    short = torch.tensor([[0.5, 0.4, 0.0]], dtype=torch.float64).expand(1000, -1)
    assert set(drawn(short, generator()).tolist()) == {0, 1}


def test_noise_mixes_the_uniform_policy_in():
    probs = greedy(torch.tensor([[0.1, 0.7, 0.7, 0.2]]))
    assert probs.tolist() == [[0, 1, 0, 0]]
    assert_close(at_random(probs, 0.2), torch.tensor([[0.05, 0.85, 0.05, 0.05]], dtype=torch.float64))


def test_an_environment_without_tables_has_no_optimal_expert():
    with pytest.raises(UserError, match=r"algorithm.expert: is 'optimal', and CartPole-v1 tells no tables .* folder"):
        shown(POLE)


def leaning(observations):
    """Push the cart to the side that the pole leans to, which holds it up for a while."""
    return torch.nn.functional.one_hot((observations[:, 2] > 0).long(), 2).double()


@pytest.mark.parametrize("autoreset", ["same-step", "next-step", "disabled"])
def test_copies_show_whole_episodes_however_they_are_reset(autoreset):
    """Each copy its share of them, from its first step on: what a plain loop over one environment at a time shows."""
    environment = POLE.model_copy(update={"autoreset": autoreset})
    world = make_world(environment, [0], torch.device("cpu"), "demonstrations", 3)
    found = in_world(world, leaning, 7, generator())
    world.close()
    assert found.returns.shape == (7,)
    assert found.returns.sum() == len(found.actions)
    assert torch.equal(found.actions, leaning(found.observations).argmax(1))
    plain = make_world(
        POLE.model_copy(update={"autoreset": "same-step"}), [0], torch.device("cpu"), "demonstrations", 3
    )
    by_copy = episodes_of(plain, 3)
    plain.close()
    expected = torch.cat([torch.cat(by_copy[copy][: len(range(copy, 7, 3))]) for copy in range(3)])
    assert_close(found.observations, expected)


def episodes_of(world, number):
    """The first episodes of each copy, by a loop that looks at one copy after the other."""
    shown, current = [[] for _ in range(world.num_envs)], [[] for _ in range(world.num_envs)]
    now = world.reset()
    while min(len(each) for each in shown) < number:
        step = world.step(leaning(now[0]).argmax(1).unsqueeze(0))
        for copy in range(world.num_envs):
            current[copy].append(now[0, copy].clone())
            if step.terminated[0, copy] or step.truncated[0, copy]:
                shown[copy].append(torch.stack(current[copy]))
                current[copy] = []
        now = step.observations
    return shown


def test_episodes_end_where_the_limit_is():
    """A corner that nothing leaves: every episode is as long as it may be."""
    corner = (1, 1, 2, 1)
    stays = Tables(
        next_state=torch.zeros(corner, dtype=torch.int64),
        probability=torch.ones(corner, dtype=torch.float64),
        reward=torch.tensor([[[[1.0], [2.0]]]], dtype=torch.float64),
        terminated=torch.zeros(corner, dtype=torch.bool),
        start=torch.ones(1, dtype=torch.float64),
        phase_steps=(),
        max_episode_steps=9,
    )
    found = in_tables(stays, torch.full((1, 2), 0.5, dtype=torch.float64), 4, generator())
    assert len(found.actions) == 36
    assert_close(found.returns, (found.actions + 1.0).view(4, 9).double().sum(1))
