"""Agents that learn for a fraction of a second, without the command line around them."""

import pytest
import torch

from smoothkit import plugins
from smoothkit_policy.agents import Agents
from tests.plugins.trainings import Training, host_fixture, only_config, runs_fixture, shared_fixture, training_fixture

SMALL = [
    *("run.device=cpu", "run.threads=1", "run.log_every=8", "environment.num_envs=4", "network.hidden=[8]"),
    *("algorithm.name=ppo", "algorithm.num_steps=8", "train.total_timesteps=160", "train.lr=0.01"),
    *("evaluate.every=64", "evaluate.episodes=4"),
]


class Learning(Training):
    """What training came to."""

    def networks(self, trained):
        """A member's policy and critic."""
        return (trained.policy.network,)


bundled = host_fixture(policy="smoothkit_policy")
make_runs = runs_fixture("policy")
learn = training_fixture("smoothkit_policy.train", Learning)
learned = shared_fixture("learn")


@pytest.fixture
def configure(bundled, monkeypatch):
    """The configuration that these overrides of small agents come to."""
    monkeypatch.setattr(plugins, "host", lambda: bundled)

    def configure(*overrides):
        return only_config(bundled, 'scenario = "policy"\n', (*SMALL, *overrides))

    return configure


@pytest.fixture
def make_agents(configure, make_runs):
    """Agents of a configuration, whose first rollout may be filled."""

    def make_agents(*overrides, seeds=(0,), rollout=True):
        config = configure(*overrides)
        agents = Agents(config, make_runs(config, seeds))
        for place in range(config.algorithm.num_steps if rollout else 0):
            agents.act(place)
        return agents

    return make_agents


@pytest.fixture
def generators():
    """Fresh generators for so many members."""

    def generators(members, first=0):
        return [torch.Generator().manual_seed(seed) for seed in range(first, first + members)]

    return generators
