"""Tables of transitions, and worlds that are stepped by them."""

from dataclasses import replace

import gymnasium
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import describe, make_world
from smoothkit_policy.environments.spec import Observations, Spec
from smoothkit_policy.environments.tables import Tables, longest_episode, tables_of
from smoothkit_policy.environments.tabular_world import TabularWorld
from smoothkit_policy.exact.returns import expected_return
from tests.plugins.policy.environments.envs import HERE, short_tables

CPU = torch.device("cpu")
TABULAR = {
    "FrozenLake-v1": {},
    "FrozenLake8x8-v1": {"options": {"desc": ["SFF", "FHF", "FFG"], "is_slippery": False}},
    "CliffWalking-v1": {"max_episode_steps": 30},
    "CliffWalkingSlippery-v1": {"max_episode_steps": 30},
    "Taxi-v4": {"options": {"is_rainy": True}},
    "smoothkit/SwitchingCorridor-v0": {"options": {"switch_after": 100}},
    "smoothkit/DeepSea-v0": {},
    "smoothkit/Chain-v0": {"options": {"far": 4}},
    "smoothkit/Bandit-v0": {"options": {"noise": 0.5}},
}


def config_of(id):
    return EnvironmentConfig(id=id, num_envs=4, **TABULAR[id])


@pytest.mark.parametrize("id", TABULAR)
def test_the_environment_itself_does_nothing_that_is_not_in_the_tables(id):
    config = config_of(id)
    spec, tables = describe(config)
    assert tables is not None
    assert (spec.observations.states, spec.num_actions) == (tables.num_states, tables.num_actions)
    env = gymnasium.make(id, max_episode_steps=config.max_episode_steps, **config.options)
    state, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for step in range(300):
        action = env.action_space.sample()
        following, reward, terminated, truncated, _ = env.step(action)
        phase = sum(step >= after for after in tables.phase_steps)
        at = phase, state, action
        listed = (tables.next_state[at] == following) & (tables.reward[at] == reward)
        assert bool((listed & (tables.terminated[at] == terminated) & (tables.probability[at] > 0)).any())
        state = following
        if terminated or truncated:
            state, _ = env.reset()
            assert tables.start[state] > 0


@pytest.mark.parametrize("id", TABULAR)
def test_mean_returns_of_a_world_are_the_exact_ones(id):
    config = config_of(id)
    agents = 100
    world = make_world(config, range(agents), CPU)
    tables = world.tables
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(tables.num_states, tables.num_actions, generator=generator)
    policy = logits.double().softmax(1)
    states = world.reset()
    running = torch.zeros(agents, 4, dtype=torch.float64)
    # Of the first episode of each copy alone: of later ones the short would be counted more often than the long.
    first = torch.ones(agents, 4, dtype=torch.bool)
    for _ in range(tables.max_episode_steps):
        actions = policy[states].flatten(0, 1).multinomial(1, generator=generator).view(agents, 4)
        step = world.step(actions)
        running += step.rewards.double() * first
        first &= ~(step.terminated | step.truncated)
        states = step.observations
        if not first.any():
            break
    assert not first.any()
    error = float(running.std() / running.numel() ** 0.5)
    assert float(running.mean()) == pytest.approx(float(expected_return(tables, policy, phase=0)), abs=5 * error + 1e-6)


def test_outcomes_come_as_often_as_the_tables_say():
    world = make_world(EnvironmentConfig(id="FrozenLake-v1", num_envs=50), range(100), CPU)
    tables = world.tables
    counts = torch.zeros(16, 4, 16)
    states = world.reset()
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        actions = torch.randint(4, (100, 50), generator=generator)
        step = world.step(actions)
        ended = step.terminated | step.truncated
        following = step.observations
        counts.index_put_((states[~ended], actions[~ended], following[~ended]), torch.tensor(1.0), accumulate=True)
        states = following
    expected = torch.zeros(16, 4, 16).scatter_add_(
        2, tables.next_state[0], (tables.probability[0] * ~tables.terminated[0]).float()
    )
    share = expected / expected.sum(2, keepdim=True).clamp(min=1e-9)
    seen = counts.sum(2, keepdim=True)
    error = (share * (1 - share) / seen.clamp(min=1)).sqrt()
    deviation = (counts / seen.clamp(min=1) - share).abs()
    assert bool((counts[share == 0] == 0).all())
    assert bool((deviation <= 5 * error + 1e-6)[(seen > 100).expand_as(deviation)].all())
    assert int((seen > 100).sum()) > 20


def test_copies_are_cut_off_at_the_limit_and_told_their_last_state():
    config = EnvironmentConfig(id="CliffWalking-v1", num_envs=3, max_episode_steps=4)
    world = make_world(config, [0, 1], CPU)
    world.reset()
    for count in range(1, 21):
        step = world.step(torch.zeros(2, 3, dtype=torch.int64))
        assert bool(step.truncated.all()) == bool(step.truncated.any()) == (count % 4 == 0)
        assert step.valid is None
        if count % 4:
            assert step.final is None
        else:
            # Four steps up from the bottom left, of which the last leads against the wall; then the start again.
            assert (step.final == 0).all()
            assert (step.observations == 36).all()


def test_phases_follow_the_steps_of_a_copy():
    config = EnvironmentConfig(id="smoothkit/SwitchingCorridor-v0", num_envs=1, options={"switch_after": 9})
    world = make_world(config, [0], CPU)
    states = world.reset()
    former = world.tables.reward[0, :, :, 0].argmax(1)
    rewards = []
    for _ in range(12):
        step = world.step(former[states])
        rewards.append(float(step.rewards))
        states = step.observations
    assert rewards == pytest.approx([1 / 6] * 9 + [1 / 18] * 3)


def test_the_longest_episode_is_found_where_there_is_one():
    assert longest_episode(describe(EnvironmentConfig(id="smoothkit/DeepSea-v0", options={"size": 7}))[1]) == 7
    assert longest_episode(describe(EnvironmentConfig(id="FrozenLake-v1"))[1]) is None
    assert longest_episode(short_tables()) is None
    # A limit that comes first leaves no longest episode, though the sea has a bottom.
    sea = describe(EnvironmentConfig(id="smoothkit/DeepSea-v0", options={"size": 7}, max_episode_steps=5))[1]
    assert (longest_episode(sea), sea.max_episode_steps) == (None, 5)


def test_environments_without_a_model_have_no_tables():
    for env in (
        gymnasium.make("CartPole-v1"),
        gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("FrozenLake-v1")),
        gymnasium.make("Taxi-v4", fickle_passenger=True),
    ):
        assert tables_of(env, 10) is None
    assert describe(EnvironmentConfig(id="FrozenLake-v1", wrappers=("RecordEpisodeStatistics",)))[1] is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"probability": torch.full((1, 5, 3, 1), 0.5, dtype=torch.float64)}, "no distribution"),
        ({"start": torch.ones(5, dtype=torch.float64)}, "first states"),
        ({"phase_steps": (3,)}, "phase_steps"),
    ],
)
def test_tables_that_are_no_model_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        replace(short_tables(), **change)
    assert isinstance(short_tables(), Tables)


def test_a_world_by_tables_gives_what_the_environment_gives():
    short = f"{HERE}:test/Short-v0"
    assert describe(EnvironmentConfig(id=short))[0].max_episode_steps == 3


@given(st.lists(st.sampled_from([0.0, 1e-12, 0.1, 1 / 3, 1.0]), min_size=1, max_size=5).filter(any), st.integers(0, 99))
def test_outcomes_without_probability_never_come(weights, seed):
    probability = torch.tensor(weights, dtype=torch.float64)
    probability /= probability.sum()
    number = len(weights)
    shape = 1, number, 1, number
    tables = Tables(
        # The outcome can be told from the state that it leads to.
        next_state=torch.arange(number).expand(shape).clone(),
        probability=probability.expand(shape).clone(),
        reward=torch.zeros(shape, dtype=torch.float64),
        terminated=torch.zeros(shape, dtype=torch.bool),
        start=probability,
        phase_steps=(),
        max_episode_steps=5,
    )
    spec = Spec("test", Observations("index", (), number), 1, 5, None)
    world = TabularWorld(spec, tables, [seed], 40, CPU, "training")
    possible = {state for state, weight in enumerate(weights) if weight}
    assert set(world.reset().flatten().tolist()) <= possible
    for _ in range(8):
        step = world.step(torch.zeros(1, 40, dtype=torch.int64))
        assert set(step.observations.flatten().tolist()) <= possible
