"""However copies are stepped and reset, the same things happen in them."""

import os
import signal

import pytest
import torch

from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import make_world
from tests.plugins.policy.environments.envs import ACTIONS, HERE, short_tables

CPU = torch.device("cpu")
COPIES, TRANSITIONS = 2, 24
MODES = [
    ("tables", "same-step"),
    ("native", "next-step"),
    *(("sync", autoreset) for autoreset in ("same-step", "next-step", "disabled")),
    *(("async", autoreset) for autoreset in ("same-step", "next-step", "disabled")),
]


def transitions(mode, autoreset):
    """What each copy went through: state, action, reward, how it ended, and the state that followed or was the last."""
    config = EnvironmentConfig(id=f"{HERE}:test/Short-v0", mode=mode, autoreset=autoreset, num_envs=COPIES)
    world = make_world(config, [0, 1], CPU)
    actions = torch.randint(ACTIONS, (2, COPIES, TRANSITIONS), generator=torch.Generator().manual_seed(0))
    seen = [[[] for _ in range(COPIES)] for _ in range(2)]
    before = world.reset()
    # Some steps only reset, and use no action up.
    while min(len(copy) for member in seen for copy in member) < TRANSITIONS:
        done = torch.tensor([[min(len(copy), TRANSITIONS - 1) for copy in member] for member in seen])
        chosen = actions.gather(2, done.unsqueeze(2)).squeeze(2)
        step = world.step(chosen)
        for member in range(2):
            for copy in range(COPIES):
                if step.valid is None or step.valid[member, copy]:
                    seen[member][copy].append(_transition(before, chosen, step, (member, copy)))
                else:
                    assert step.rewards[member, copy] == 0
                    assert not (step.terminated | step.truncated)[member, copy]
        before = step.observations
    world.close()
    return [[copy[:TRANSITIONS] for copy in member] for member in seen]


def _transition(before, chosen, step, at):
    ended = bool(step.terminated[at]), bool(step.truncated[at])
    following = None if ended[0] else int((step.final if ended[1] else step.observations)[at])
    return int(before[at]), int(chosen[at]), float(step.rewards[at]), *ended, following


@pytest.fixture(scope="module")
def by_tables():
    return transitions("tables", "same-step")


@pytest.mark.parametrize(("mode", "autoreset"), MODES)
def test_valid_transitions_do_not_depend_on_the_mode(mode, autoreset, by_tables):
    assert transitions(mode, autoreset) == by_tables


def test_the_transitions_are_those_of_the_tables(by_tables):
    tables = short_tables()
    ends = set()
    for copy in (copy for member in by_tables for copy in member):
        length = 0
        for state, action, reward, terminated, truncated, following in copy:
            at = 0, state, action, 0
            length += 1
            assert reward == pytest.approx(float(tables.reward[at]))
            assert terminated == bool(tables.terminated[at])
            # An episode that ended by itself in its last step was not cut off.
            assert truncated == (length == 3 and not terminated)
            assert terminated or following == int(tables.next_state[at])
            ends.add((terminated, truncated))
            if terminated or truncated:
                length = 0
    assert ends == {(False, False), (True, False), (False, True)}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("autoreset", ["same-step", "next-step", "disabled"])
def test_the_final_observation_is_the_last_of_the_episode(mode, autoreset):
    config = EnvironmentConfig(
        id=f"{HERE}:test/Noisy-v0", mode=mode, autoreset=autoreset, num_envs=2, max_episode_steps=3
    )
    world = make_world(config, [4], CPU)
    world.reset()
    cut = 0
    for _ in range(24):
        step = world.step(torch.zeros(1, 2, dtype=torch.int64))
        assert (step.final is not None) == bool(step.truncated.any())
        if step.final is not None:
            assert (step.final[step.truncated][:, 0] == 3).all()
            cut += int(step.truncated.sum())
        following = 3 if autoreset == "next-step" else 0
        assert (step.observations[step.truncated][:, 0] == following).all()
    world.close()
    assert cut > 4


def test_auto_takes_tables_then_many_copies_native_then_loops():
    def kind(**options):
        world = make_world(EnvironmentConfig(**options), [0], CPU, purpose="evaluation")
        copies = getattr(world, "_all", None)
        return "tables" if copies is None else type(copies[0]).__name__

    short = f"{HERE}:test/Short-v0"
    assert kind(id=short) == "tables"
    assert kind(id=short, autoreset="next-step") == "Native"
    assert kind(id=short, autoreset="disabled") == "Looped"
    assert kind(id="CartPole-v1", num_envs=8) == "Native"
    assert kind(id="CartPole-v1", num_envs=7) == "Looped"
    assert kind(id="CartPole-v1", num_envs=8, autoreset="same-step") == "Looped"
    assert kind(id="CartPole-v1", num_envs=8, wrappers=("RecordEpisodeStatistics",)) == "Looped"
    assert kind(id="FrozenLake-v1", wrappers=("RecordEpisodeStatistics",)) == "Looped"


def test_processes_leave_interruptions_to_the_trainer():
    config = EnvironmentConfig(id=f"{HERE}:test/Noisy-v0", mode="async", num_envs=2)
    world = make_world(config, [0], CPU, purpose="evaluation")
    world.reset()
    for process in world._all[0].envs.processes:
        # What a terminal does on Ctrl-C, while the trainer wants to finish its step and save.
        os.kill(process.pid, signal.SIGINT)
    for _ in range(3):
        step = world.step(torch.zeros(1, 2, dtype=torch.int64))
    state = world.state_dict()
    world.close()
    assert step.observations.shape == (1, 2, 3)
    assert int(state["count"][0]) == 3


@pytest.mark.parametrize("mode", ["sync", "tables"])
def test_tables_are_known_however_copies_are_stepped(mode):
    world = make_world(EnvironmentConfig(id="FrozenLake-v1", mode=mode, num_envs=1), [0], CPU)
    assert world.tables is not None
    assert world.tables.num_states == 16
