"""Episodes of a policy that is given."""

import gymnasium
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from smoothkit_policy import acting
from smoothkit_policy.acting import Stage, acted, drawn
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.desmoothing import desmoothed
from smoothkit_policy.environments.make import describe
from smoothkit_policy.exact.returns import expected_return
from tests.plugins.policy.given import GivenPolicy

LAKE = EnvironmentConfig(id="FrozenLake-v1")
UNIFORM = torch.full((16, 4), 0.25)


class ShortOrLong(gymnasium.Env):
    """Half of the episodes return 0 after one step, half of them 1 after ten."""

    def __init__(self):
        self.observation_space, self.action_space = spaces.Box(0.0, 1.0, (1,)), spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 10 if self.np_random.random() < 0.5 else 1
        self.is_long = self.left == 10
        return self.observation_space.low, {}

    def step(self, action):
        self.left -= 1
        return self.observation_space.low, float(self.is_long and self.left == 0), self.left == 0, False, {}


@pytest.fixture(scope="module")
def short_or_long():
    gymnasium.register("tests/ShortOrLong-v0", ShortOrLong, max_episode_steps=20)
    yield EnvironmentConfig(id="tests/ShortOrLong-v0")
    gymnasium.registry.pop("tests/ShortOrLong-v0")


def stage(environment=LAKE, seed=0, purpose="test"):
    return Stage(environment, seed, purpose, torch.device("cpu"))


def policy_in(environment, chances):
    return GivenPolicy(chances, describe(environment)[0])


def play(environment, chances, manner="sampled", episodes=50, smoothing=0.0, **options):
    return stage(environment, **options).play(policy_in(environment, chances), manner, smoothing, episodes)


@pytest.mark.parametrize("manner", acting.MANNERS)
def test_played_returns_are_those_that_tables_tell(manner):
    chances = torch.tensor([[0.05, 0.5, 0.4, 0.05]]).repeat(16, 1)
    exact = float(expected_return(describe(LAKE)[1], acted(chances.double(), manner, 0.1)))
    played = play(LAKE, chances, manner, 2000, 0.1).returns
    assert set(played.unique().tolist()) <= {0.0, 1.0}
    error = (max(exact * (1 - exact), 1e-4) / 2000) ** 0.5
    assert float(played.mean()) == pytest.approx(exact, abs=4 * error)


def test_short_episodes_are_not_preferred(short_or_long):
    returns = play(short_or_long, [[0.5, 0.5]], episodes=400).returns
    assert len(returns) == 400
    # Of the first 400 to end, three in four would be short ones.
    assert float(returns.mean()) == pytest.approx(0.5, abs=4 * 0.025)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 300))
def test_there_are_as_many_episodes_as_asked_for(episodes):
    assert len(play(LAKE, UNIFORM, episodes=episodes).returns) == episodes


def test_every_state_in_which_it_acted_is_kept_once():
    tilted = torch.tensor([[0.3, 0.7]])
    played = play(EnvironmentConfig(id="CartPole-v1"), tilted, episodes=10)
    # A step of CartPole earns 1, so the returns count them.
    assert len(played.policy) == int(played.returns.sum())
    torch.testing.assert_close(played.policy, tilted.double().expand(len(played.policy), 2))


@pytest.mark.parametrize("autoreset", ["next-step", "same-step", "disabled"])
def test_every_kind_of_reset_gives_the_same_episodes(autoreset):
    def played(autoreset):
        cart = EnvironmentConfig(id="CartPole-v1", mode="sync", autoreset=autoreset)
        # Two episodes of each copy, so that there are resets in between.
        return play(cart, [[0.0, 1.0]], "greedy", 256)

    found = played(autoreset)
    assert found.returns.sort().values.equal(played("auto").returns.sort().values)
    assert len(found.policy) == int(found.returns.sum())


def test_processes_are_no_more_than_the_file_allows(monkeypatch):
    asked = []

    def make_world(*arguments):
        asked.append(arguments[-1])
        raise InterruptedError

    monkeypatch.setattr(acting, "make_world", make_world)
    for mode, number in (("async", 3), ("sync", acting.MOST_COPIES)):
        cart = EnvironmentConfig(id="CartPole-v1", mode=mode, num_envs=3)
        with pytest.raises(InterruptedError):
            play(cart, [[0.5, 0.5]], episodes=1000)
        assert asked.pop() == number


def test_a_play_depends_on_seed_and_purpose_alone():
    torch.manual_seed(1)
    # Once chance decides about the environment alone, once about the actions alone.
    dry = EnvironmentConfig(id="FrozenLake-v1", options={"is_slippery": False})
    for environment, chances in ((LAKE, UNIFORM.index_fill(1, torch.tensor([2]), 0.9)), (dry, UNIFORM)):
        manner = "sampled" if environment is dry else "greedy"
        first = play(environment, chances, manner).policy
        state = torch.get_rng_state()
        again, other, elsewhere = (
            play(environment, chances, manner, **options).policy for options in ({}, {"seed": 1}, {"purpose": "other"})
        )
        assert torch.get_rng_state().equal(state)
        assert first.equal(again)
        assert len({len(first), len(other), len(elsewhere)}) == 3


def test_every_manner_begins_alike():
    cart = EnvironmentConfig(id="CartPole-v1")
    # The same actions in each manner, so that only the beginnings could differ.
    greedy, sampled = (play(cart, [[1.0, 0.0]], manner).returns for manner in ("greedy", "sampled"))
    assert greedy.equal(sampled)


def test_the_three_manners():
    policy = torch.tensor([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]], dtype=torch.float64)
    assert acted(policy, "greedy", 0.5).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert acted(policy, "sampled", 0.5).equal(policy)
    assert acted(policy, "desmoothed", 0.5).equal(desmoothed(policy, 0.5))


def test_actions_are_drawn_with_their_chances():
    chances = torch.tensor([0.6, 0.0, 0.3, 0.1], dtype=torch.float64)
    counts = drawn(chances.expand(20_000, 4), torch.Generator().manual_seed(0)).bincount(minlength=4)
    assert counts[1] == 0
    expected = 20_000 * chances[[0, 2, 3]]
    assert chisquare(counts[[0, 2, 3]].numpy(), expected.numpy()).pvalue > 1e-3
