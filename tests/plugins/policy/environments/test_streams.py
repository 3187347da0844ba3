"""Which random numbers a copy gets depends on its seed, its purpose and its place alone."""

import pytest
import torch

from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.make import make_world
from tests.plugins.policy.environments.envs import HERE

CPU = torch.device("cpu")
WORLDS = [
    {"id": "Taxi-v4", "options": {"is_rainy": True}},
    {"id": "FrozenLake-v1"},
    {"id": f"{HERE}:test/Noisy-v0"},
    {"id": "CartPole-v1", "mode": "native"},
]


def seen(config, seeds, **options):
    world = make_world(config, seeds, CPU, **options)
    observations = [world.reset()]
    for count in range(25):
        copies = torch.arange(world.num_envs)
        actions = ((copies + count) % world.spec.num_actions).expand(len(seeds), -1)
        observations.append(world.step(actions).observations)
    return torch.stack(observations, dim=2)


@pytest.mark.parametrize("options", WORLDS, ids=[each["id"] for each in WORLDS])
class TestStreams:
    def test_a_member_alone_and_in_company_sees_the_same(self, options):
        config = EnvironmentConfig(num_envs=3, **options)
        company = seen(config, [5, 1, 9])
        for member, seed in enumerate([5, 1, 9]):
            assert torch.equal(seen(config, [seed])[0], company[member])

    def test_members_seeds_and_purposes_differ(self, options):
        config = EnvironmentConfig(num_envs=3, **options)
        training = seen(config, [5, 1])
        assert not torch.equal(training[0], training[1])
        assert not torch.equal(training, seen(config, [5, 1], purpose="evaluation"))
        assert torch.equal(training, seen(config, [5, 1]))

    def test_copies_of_a_member_differ(self, options):
        world = make_world(EnvironmentConfig(num_envs=30, **options), [0], CPU)
        world.reset()
        actions = torch.zeros(1, 30, dtype=torch.int64)
        copies = torch.stack([world.step(actions).observations[0] for _ in range(12)], dim=1)
        assert len(copies.flatten(1).unique(dim=0)) > 3


def test_more_copies_leave_the_first_ones_as_they_are():
    config = EnvironmentConfig(id=f"{HERE}:test/Noisy-v0")
    assert torch.equal(seen(config, [2], num_envs=5)[:, :3], seen(config, [2], num_envs=3))


def test_numbers_from_elsewhere_are_left_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    seen(EnvironmentConfig(id="FrozenLake-v1", num_envs=2), [0])
    assert torch.equal(torch.get_rng_state(), state)
