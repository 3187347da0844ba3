"""A world that is saved in the middle of episodes and loaded elsewhere goes on as if nothing had happened."""

import io

import pytest
import torch

from smoothkit.members import joined, sliced
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import make_world
from tests.plugins.policy.environments.envs import HERE

CPU = torch.device("cpu")
SEEDS = [3, 8]
NOISY = f"{HERE}:test/Noisy-v0"
SHORT = f"{HERE}:test/Short-v0"
WORLDS = {
    "tables": {"id": "FrozenLake-v1", "max_episode_steps": 6},
    "tables with random starts": {"id": "Taxi-v4", "max_episode_steps": 6},
    "native": {"id": "CartPole-v1", "mode": "native", "max_episode_steps": 12},
    "native indices": {"id": SHORT, "mode": "native"},
    **{f"sync {reset}": {"id": NOISY, "autoreset": reset} for reset in ("same-step", "next-step", "disabled")},
    **{f"async {reset}": {"id": NOISY, "mode": "async", "autoreset": reset} for reset in ("same-step", "next-step")},
    "phases in a loop": {"id": "smoothkit/SwitchingCorridor-v0", "mode": "sync", "options": {"switch_after": 15}},
    "phases in tables": {"id": "smoothkit/SwitchingCorridor-v0", "options": {"switch_after": 15}},
}


def saved(state):
    """As a checkpoint of each member keeps it."""
    files = []
    for member in range(len(SEEDS)):
        file = io.BytesIO()
        torch.save(sliced(state, member), file)
        file.seek(0)
        files.append(torch.load(file, weights_only=True))
    return joined(files)


def assert_same(one, other):
    for name, value in vars(one).items():
        again = vars(other)[name]
        assert (value is None) == (again is None), name
        assert value is None or torch.equal(value, again), name


# Processes take their time, so they are tried once.
TRIED = [(name, at) for name in WORLDS for at in (10, 11, 13) if at == 11 or not name.startswith("async")]


@pytest.mark.parametrize(("name", "at"), TRIED)
def test_a_resumed_world_does_the_same(name, at):
    config = EnvironmentConfig(num_envs=3, **WORLDS[name])
    worlds = [make_world(config, SEEDS, CPU) for _ in range(2)]
    first, second = worlds
    assert first.notes == ()
    actions = torch.randint(first.spec.num_actions, (at + 30, 2, 3), generator=torch.Generator().manual_seed(at))
    first.reset()
    for own in actions[:at]:
        first.step(own)
    state = saved(first.state_dict())
    second.reset()
    second.load_state_dict(state)
    assert second.notes == ()
    assert torch.equal(first.observations, second.observations)
    for own in actions[at:]:
        assert_same(first.step(own), second.step(own))
    for world in worlds:
        world.close()


def test_saving_changes_nothing_and_the_saved_stays_as_it_was():
    config = EnvironmentConfig(id=NOISY, num_envs=2)
    one, other = make_world(config, [0], CPU), make_world(config, [0], CPU)
    one.reset()
    other.reset()
    actions = torch.ones(1, 2, dtype=torch.int64)
    kept = one.state_dict()
    before = {key: value.clone() for key, value in kept.items()}
    for _ in range(20):
        one.state_dict()
        assert_same(one.step(actions), other.step(actions))
    assert all(torch.equal(value, before[key]) for key, value in kept.items())


def test_a_pending_reset_is_still_pending_after_a_break():
    config = EnvironmentConfig(id=NOISY, num_envs=1, autoreset="next-step", max_episode_steps=2)
    first, second = make_world(config, [0], CPU), make_world(config, [0], CPU)
    first.reset()
    second.reset()
    action = torch.zeros(1, 1, dtype=torch.int64)
    while not bool((step := first.step(action)).truncated | step.terminated):
        pass
    second.load_state_dict(first.state_dict())
    one, other = first.step(action), second.step(action)
    assert not one.valid.any()
    assert_same(one, other)
    # What was loaded a moment ago can be saved again.
    third = make_world(config, [0], CPU)
    third.load_state_dict(second.state_dict())
    assert_same(second.step(action), third.step(action))


def test_minigrid_comes_back():
    pytest.importorskip("minigrid")
    config = EnvironmentConfig(
        id="minigrid:MiniGrid-DoorKey-5x5-v0", wrappers=("minigrid.wrappers:FlatObsWrapper",), num_envs=2
    )
    first, second = make_world(config, [1], CPU), make_world(config, [1], CPU)
    assert first.notes == ()
    actions = torch.randint(first.spec.num_actions, (60, 1, 2), generator=torch.Generator().manual_seed(0))
    first.reset()
    for own in actions[:30]:
        first.step(own)
    second.load_state_dict(first.state_dict())
    for own in actions[30:]:
        assert_same(first.step(own), second.step(own))


def test_an_environment_with_a_hidden_stream_says_so_and_begins_anew():
    config = EnvironmentConfig(id=f"{HERE}:test/Hidden-v0", num_envs=2)
    first, second = make_world(config, [0], CPU), make_world(config, [0], CPU)
    assert "will begin new episodes" in first.notes[0]
    first.reset()
    second.reset()
    actions = torch.zeros(1, 2, dtype=torch.int64)
    for _ in range(3):
        first.step(actions)
    second.load_state_dict(first.state_dict())
    assert "has begun new episodes" in second.notes[0]
    assert (second.observations[..., 0] == 0).all()
    assert (second.step(actions).observations[..., 0] == 1).all()


def test_a_world_that_is_only_evaluated_is_not_tried_for_its_way_back():
    config = EnvironmentConfig(id=f"{HERE}:test/Hidden-v0", num_envs=2)
    assert make_world(config, [0], CPU, purpose="evaluation").notes == ()
