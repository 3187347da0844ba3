"""The small exact environments: what their documentation says of them."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import smoothkit_policy.environments
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.exact.deep_sea import right_actions
from smoothkit_policy.environments.make import describe
from smoothkit_policy.exact.optimum import optimal_return
from smoothkit_policy.exact.returns import expected_return

OURS = [id for id in gymnasium.registry if id.startswith("smoothkit/")]


def tables_of(id, **options):
    tables = describe(EnvironmentConfig(id=f"smoothkit/{id}", options=options))[1]
    assert tables is not None
    return tables


def uniform(tables):
    return torch.full((tables.num_states, tables.num_actions), 1 / tables.num_actions, dtype=torch.float64)


def test_four_are_registered():
    assert smoothkit_policy.environments.__name__ == "smoothkit_policy.environments"
    assert sorted(OURS) == [f"smoothkit/{name}-v0" for name in ("Bandit", "Chain", "DeepSea", "SwitchingCorridor")]


def test_the_module_can_be_named_where_nobody_has_imported_it():
    env = gymnasium.make("smoothkit_policy.environments:smoothkit/DeepSea-v0", size=3)
    assert env.observation_space.n == 9


@pytest.mark.parametrize("id", OURS)
def test_gymnasium_finds_no_fault_with_it(id):
    check_env(gymnasium.make(id, render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("id", OURS)
def test_pictures_show_where_the_agent_is(id):
    env = gymnasium.make(id, render_mode="rgb_array")
    env.reset(seed=0)
    pictures = [env.render()]
    while True:
        _, _, terminated, truncated, _ = env.step(0)
        pictures.append(env.render())
        if terminated or truncated:
            break
    assert all(picture.dtype == np.uint8 and picture.shape == pictures[0].shape for picture in pictures)
    moves = [state for state in range(env.observation_space.n)]
    assert len(moves) == 1 or not np.array_equal(pictures[0], pictures[1])


@pytest.mark.parametrize("phase", [0, 1])
def test_the_corridor_pays_one_at_best_in_either_phase(phase):
    tables = tables_of("SwitchingCorridor-v0")
    assert float(optimal_return(tables, phase=phase)) == pytest.approx(1)
    assert tables.max_episode_steps == 6


def test_who_settled_before_the_switch_earns_a_third_after_it():
    tables = tables_of("SwitchingCorridor-v0")
    settled = torch.eye(4, dtype=torch.float64)[tables.reward[0, :, :, 0].argmax(1)]
    assert float(expected_return(tables, settled, phase=0)) == pytest.approx(1)
    assert float(expected_return(tables, settled, phase=1)) == pytest.approx(1 / 3)
    # What is right in one phase is right in no state of the other.
    right = tables.reward.argmax(2)[..., 0]
    assert (right[0] != right[1]).all()


def test_the_corridor_switches_after_so_many_steps_of_the_copy():
    env = gymnasium.make("smoothkit/SwitchingCorridor-v0", switch_after=9).unwrapped
    env.reset(seed=0)
    phases = []
    for _ in range(12):
        phases.append(env.phase)
        if env.step(0)[2]:
            env.reset()
    assert phases == [0] * 9 + [1] * 3
    env.reset(seed=0)
    assert env.phase == 0


@pytest.mark.parametrize("size", [2, 5, 10])
def test_the_sea_has_its_optimum_and_hides_it(size):
    tables = tables_of("DeepSea-v0", size=size)
    assert tables.max_episode_steps == size
    assert float(optimal_return(tables)) == pytest.approx(0.99)
    # Half of the moves are to the right, and one way in 2^size leads to the treasure.
    assert float(expected_return(tables, uniform(tables))) == pytest.approx(2.0**-size - 0.005)


def test_the_sea_follows_its_mapping():
    mapping = right_actions(4)
    assert mapping.shape == (4, 4)
    assert set(mapping.flatten().tolist()) == {0, 1}
    env = gymnasium.make("smoothkit/DeepSea-v0", size=4)
    state, _ = env.reset(seed=0)
    rewards = []
    for row in range(4):
        assert state == 5 * row
        state, reward, terminated, truncated, _ = env.step(int(mapping[row, row]))
        rewards.append(reward)
    assert terminated
    assert not truncated
    assert rewards == pytest.approx([-0.0025, -0.0025, -0.0025, 0.9975])


@pytest.mark.parametrize(("near", "far"), [(1, 1), (2, 14), (5, 3)])
def test_a_random_walk_on_the_chain_is_the_ruin_of_a_gambler(near, far):
    config = EnvironmentConfig(
        id="smoothkit/Chain-v0", options={"near": near, "far": far, "small": 0.25}, max_episode_steps=4000
    )
    tables = describe(config)[1]
    right = near / (near + far)
    assert float(expected_return(tables, uniform(tables))) == pytest.approx(right + 0.25 * (1 - right))
    assert float(optimal_return(tables)) == pytest.approx(1)


def test_a_bandit_pays_what_its_arms_mean():
    tables = tables_of("Bandit-v0", means=[0.5, 2.0, -1.0], noise=3.0)
    assert float(optimal_return(tables)) == pytest.approx(2)
    assert float(expected_return(tables, uniform(tables))) == pytest.approx(0.5)
    env = gymnasium.make("smoothkit/Bandit-v0", means=[0.5, 2.0], noise=3.0)
    env.reset(seed=0)
    drawn = []
    for _ in range(400):
        drawn.append(env.step(1)[1])
        env.reset()
    assert set(drawn) == {-1.0, 5.0}
    # Five standard errors of a mean of 400 draws.
    assert abs(np.mean(drawn) - 2) < 5 * 3 / 20


@pytest.mark.parametrize(
    ("id", "options", "named"),
    [
        ("SwitchingCorridor", {"switch_after": 0}, "switch_after is 0"),
        ("DeepSea", {"size": 1}, "size is 1"),
        ("Chain", {"far": 0}, "far is 0"),
        ("Bandit", {"means": [1.0]}, "two arms"),
        ("Bandit", {"noise": -1.0}, "noise is -1"),
    ],
)
def test_options_out_of_range_are_refused(id, options, named):
    with pytest.raises(ValueError, match=named):
        gymnasium.make(f"smoothkit/{id}-v0", **options)
