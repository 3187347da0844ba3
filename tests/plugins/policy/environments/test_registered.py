"""Every registered environment with a few actions makes a world, whatever way it is stepped."""

import gymnasium
import pytest
import torch

import smoothkit_policy.environments
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import make_world

assert smoothkit_policy.environments
CPU = torch.device("cpu")
FAMILIES = ("gymnasium.envs.classic_control", "gymnasium.envs.toy_text", "smoothkit_policy")
UNSUITED = {
    "MountainCarContinuous-v0": "continuous actions",
    "Pendulum-v1": "continuous actions",
    "Blackjack-v1": "observations of several parts",
}
SUITED = [
    id for id, spec in gymnasium.registry.items() if str(spec.entry_point).startswith(FAMILIES) and id not in UNSUITED
]


def test_the_families_are_there():
    assert len(SUITED) >= 12
    assert UNSUITED.keys() <= gymnasium.registry.keys()


@pytest.mark.parametrize("mode", ["auto", "sync"])
@pytest.mark.parametrize("id", SUITED)
def test_it_makes_a_world_and_steps(id, mode):
    world = make_world(EnvironmentConfig(id=id, num_envs=2, mode=mode, max_episode_steps=11), [0, 1], CPU)
    assert world.notes == ()
    form = world.spec.observations
    generator = torch.Generator().manual_seed(0)
    observations = world.reset()
    ended = 0
    for _ in range(30):
        assert observations.shape == (2, 2, *form.shape)
        assert observations.dtype == (torch.int64 if form.kind == "index" else torch.float32)
        if form.kind == "index":
            assert 0 <= int(observations.min()) <= int(observations.max()) < form.states
        step = world.step(torch.randint(world.spec.num_actions, (2, 2), generator=generator))
        assert step.rewards.isfinite().all()
        assert not (step.terminated & step.truncated).any()
        ended += int((step.terminated | step.truncated).sum())
        observations = step.observations
    assert ended >= 8


def test_minigrid_makes_a_world():
    pytest.importorskip("minigrid")
    for wrapper, kind, shape in (
        ("minigrid.wrappers:ImgObsWrapper", "image", (3, 7, 7)),
        ("minigrid.wrappers:FlatObsWrapper", "vector", (2835,)),
    ):
        config = EnvironmentConfig(id="minigrid:MiniGrid-Empty-5x5-v0", wrappers=(wrapper,), num_envs=2)
        world = make_world(config, [0], CPU)
        # Its limit is its own, not gymnasium's.
        assert world.spec.max_episode_steps == 100
        assert (world.spec.observations.kind, world.spec.observations.shape) == (kind, shape)
        assert world.reset().shape == (1, 2, *shape)
