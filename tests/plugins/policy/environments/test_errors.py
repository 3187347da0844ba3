"""Whatever is wrong with an environment is one clear sentence."""

import re
from importlib.util import find_spec

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from smoothkit.errors import TrainingError, UserError
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import describe, make_world
from tests.plugins.policy.environments.envs import HERE, ShortVector

CPU = torch.device("cpu")


def complaint(**options):
    with pytest.raises(UserError) as caught:
        make_world(EnvironmentConfig(**options), [0], CPU)
    message = str(caught.value)
    assert message.startswith("environment.")
    assert "\n" not in message
    return message


def test_an_unknown_id_gets_the_nearest():
    assert "did you mean 'CartPole-v1'" in complaint(id="CartPol-v1")
    for id in ("CartPole-v7", "CartPole"):
        assert "there is CartPole-v0, CartPole-v1" in complaint(id=id)
    assert "smoothkit/DeepSea-v0" in complaint(id="smoothkit/DeepSee-v0")


def test_a_module_that_is_not_there_is_to_be_installed():
    assert "pip install no_such_package" in complaint(id="no_such_package:Thing-v0")
    assert "pip install no_such_package" in complaint(id="CartPole-v1", wrappers=("no_such_package.inner:Wrapper",))


@pytest.mark.skipif(find_spec("Box2D") is not None, reason="Box2D is installed")
def test_a_package_that_an_environment_needs_is_named():
    assert "needs a package that is not installed: DependencyNotInstalled: Box2D" in complaint(id="LunarLander-v3")


def test_continuous_actions_are_refused():
    assert "choose one of a few" in complaint(id="Pendulum-v1")


def test_observations_of_several_parts_are_refused_with_the_mend():
    assert 'wrappers = ["FlattenObservation"]' in complaint(id="Blackjack-v1", max_episode_steps=20)
    parts = {"observations": spaces.Dict({"mission": spaces.Discrete(2), "image": spaces.Discrete(3)})}
    assert "minigrid.wrappers:ImgObsWrapper" in complaint(id=f"{HERE}:test/Spaces-v0", options=parts)
    spec, _ = describe(EnvironmentConfig(id="Blackjack-v1", max_episode_steps=20, wrappers=("FlattenObservation",)))
    assert spec.observations.kind == "vector"


def test_observations_of_too_many_axes_are_refused():
    four = {"observations": spaces.Box(0, 1, (2, 3, 4, 5))}
    assert "(2, 3, 4, 5)" in complaint(id=f"{HERE}:test/Spaces-v0", options=four)
    empty = {"observations": spaces.Box(0, 1, (0,))}
    assert "(0,)" in complaint(id=f"{HERE}:test/Spaces-v0", options=empty)


def test_a_time_limit_is_required():
    message = complaint(id="CliffWalking-v1")
    assert message.startswith("environment.max_episode_steps")
    assert describe(EnvironmentConfig(id="CliffWalking-v1", max_episode_steps=9))[0].max_episode_steps == 9
    assert "is a key of [environment]" in complaint(id="CartPole-v1", options={"max_episode_steps": 4})


def test_options_that_the_environment_refuses_are_named():
    assert "no_such_option" in complaint(id="CartPole-v1", options={"no_such_option": 1})
    assert "size is 1" in complaint(id="smoothkit/DeepSea-v0", options={"size": 1})
    assert "no_such_option" in complaint(id="CartPole-v1", mode="native", options={"no_such_option": 1})


def test_wrappers_are_found_or_offered():
    assert "did you mean 'FlattenObservation'" in complaint(id="CartPole-v1", wrappers=("FlatenObservation",))
    assert "cannot be put around" in complaint(id="CartPole-v1", wrappers=(f"{HERE}:needs_arguments",))


def test_modes_that_an_environment_has_not_are_refused():
    assert "registered without" in complaint(id="Acrobot-v1", mode="native")
    assert "wrappers" in complaint(id="CartPole-v1", mode="native", wrappers=("RecordEpisodeStatistics",))
    assert "knows NextStep only" in complaint(id="CartPole-v1", mode="native", autoreset="same-step")
    assert "it tells none" in complaint(id="CartPole-v1", mode="tables")
    assert "reset in the same step" in complaint(id="FrozenLake-v1", mode="tables", autoreset="next-step")


def test_a_fault_at_the_start_is_the_users():
    world = make_world(EnvironmentConfig(id=f"{HERE}:test/Faulty-v0", options={"fault": "at start"}), [0], CPU)
    with pytest.raises(UserError, match="OSError: no display"):
        world.reset()


FAULTS = {
    "raises": "raised KeyError: 'lost'",
    "nan": "the reward nan",
    "none": "raised TypeError",
    "shape": r"shape \(2,\), not \(3,\)",
    "scalar": r"shape \(\), not \(3,\)",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_fault_in_the_middle_names_environment_and_step(fault, mode):
    config = EnvironmentConfig(id=f"{HERE}:test/Faulty-v0", options={"fault": fault}, mode=mode, num_envs=2)
    world = make_world(config, [7], CPU)
    world.reset()
    actions = torch.zeros(1, 2, dtype=torch.int64)
    for _ in range(4):
        world.step(actions)
    kept = world.state_dict()
    with pytest.raises(TrainingError, match=f"Faulty-v0, seed 7, step 5 of each copy: .*{FAULTS[fault]}.*checkpoint"):
        world.step(actions)
    world.close()
    # What was saved before is as good as ever.
    again = make_world(config, [7], CPU)
    again.load_state_dict(kept)
    assert again.notes == ()
    with pytest.raises(TrainingError, match="step 5"):
        again.step(actions)
    again.close()


@pytest.mark.parametrize(("fault", "said"), [("nan", "the rewards"), ("raises", "raised OSError"), ("shape", "(1,)")])
def test_a_fault_of_a_native_environment_names_environment_and_step(fault, said, monkeypatch):
    monkeypatch.setattr(ShortVector, "fault", fault)
    config = EnvironmentConfig(id=f"{HERE}:test/Short-v0", mode="native", num_envs=2)
    world = make_world(config, [7], CPU)
    world.reset()
    actions = torch.zeros(1, 2, dtype=torch.int64)
    world.step(actions)
    world.step(actions)
    with pytest.raises(TrainingError, match=f"Short-v0, seed 7, step 3 of each copy: .*{re.escape(said)}"):
        world.step(actions)


def test_an_index_out_of_range_is_no_observation():
    world = make_world(EnvironmentConfig(id=f"{HERE}:test/Outside-v0", num_envs=1), [0], CPU, purpose="evaluation")
    with pytest.raises(UserError, match="the observation is 3; its space is"):
        world.reset()


class Outside(gymnasium.Env):
    metadata = {"render_modes": []}  # noqa: RUF012
    observation_space, action_space = spaces.Discrete(3), spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.int64(3), {}


gymnasium.register("test/Outside-v0", Outside, max_episode_steps=3)


@pytest.mark.parametrize("steps", [0, 1])
def test_a_process_that_dies_is_an_error_with_a_name(steps):
    config = EnvironmentConfig(id=f"{HERE}:test/Noisy-v0", mode="async", num_envs=2)
    world = make_world(config, [0], CPU, purpose="evaluation")
    world.reset()
    processes = world._all[0].envs.processes
    processes[1].kill()
    processes[1].join()
    for _ in range(steps):
        with pytest.raises(TrainingError, match=r"Noisy-v0, seed 0, step 1 of each copy: \w+Error"):
            world.step(torch.zeros(1, 2, dtype=torch.int64))
    # Nothing waits for an answer that will not come.
    world.close()
    assert not any(process.is_alive() for process in processes)
