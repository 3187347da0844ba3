"""Rollouts: actions drawn from the policy, and numbers that do not depend on how environments are reset."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from smoothkit_policy.environments.world import Step
from smoothkit_policy.rollout import Rollout


def test_actions_are_draws_from_the_policy(generators):
    """Frequencies over 30,000 draws, within four standard errors."""
    chances = torch.tensor([0.6, 0.3, 0.1, 0.0])
    rollout = Rollout(torch.zeros(1, 1000, 1), 30, 4)
    rollout.begin(generators(1))
    drawn = torch.cat([rollout.choose(place, chances.log().expand(1, 1000, 4)) for place in range(30)], 1)
    found = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    assert ((found - chances).abs() <= 4 * (chances * (1 - chances) / drawn.numel()).sqrt()).all()


def test_a_step_that_is_only_a_reset_uses_no_noise(generators):
    rollout = Rollout(torch.zeros(1, 2, 1), 5, 3)
    rollout.begin(generators(1))
    before = rollout.noise.clone()
    step = Step(
        observations=torch.zeros(1, 2, 1),
        rewards=torch.zeros(1, 2),
        terminated=torch.zeros(1, 2, dtype=torch.bool),
        truncated=torch.zeros(1, 2, dtype=torch.bool),
        valid=torch.tensor([[True, False]]),
        final=None,
    )
    rollout.note(1, step)
    assert torch.equal(rollout.noise[:, :, 0], before[:, :, 0])
    assert torch.equal(rollout.noise[:, 2:, 1], before[:, 1:-1, 1])
    assert rollout.valid[0, 1].tolist() == [True, False]


class Brief(gymnasium.Env):
    """Three steps, then the end: every episode is truncated, so that values of last observations matter."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.place, {}

    def step(self, action):
        self.place = np.clip(self.place + 0.2 * (int(action) - 1), -1, 1).astype(np.float32)
        return self.place, float(self.place[0]), False, False, {}


gymnasium.register("tests/Brief-v0", entry_point=Brief, max_episode_steps=3)

ROWS = {"same-step": 12, "disabled": 12, "next-step": 16}
"""Steps of each copy for the same twelve that count: under `next-step` every fourth is only a reset."""


@pytest.mark.parametrize("autoreset", ["disabled", "next-step"])
def test_agents_learn_the_same_however_environments_are_reset(autoreset, learn, monkeypatch, tmp_path):
    """One minibatch a pass, so that the order of rows changes no more than last digits."""
    begin = Rollout.begin

    def begun(rollout, streams):
        """The noise of the longer rollouts, so that streams stand alike after rollouts of either length."""
        own = rollout.noise
        rollout.noise = torch.zeros(1, max(ROWS.values()), *own.shape[2:])
        begin(rollout, streams)
        rollout.noise = rollout.noise[:, : own.shape[1]].clone()

    monkeypatch.setattr(Rollout, "begin", begun)

    def overrides(how):
        return (
            *("environment.id=tests/Brief-v0", "environment.mode=sync", f"environment.autoreset={how}"),
            *(f"algorithm.num_steps={ROWS[how]}", "algorithm.num_minibatches=1", "environment.num_envs=2"),
            f"train.total_timesteps={ROWS[how] * 2 * 4}",
        )

    expected, found = (learn(*overrides(how), directory=tmp_path / how) for how in ("same-step", autoreset))
    torch.testing.assert_close(found.weights(), expected.weights(), rtol=1e-4, atol=1e-5)
    invalid = [value for _, value in found.runs[0].history("rollout/invalid_fraction")]
    assert set(invalid) == {0.25 if autoreset == "next-step" else 0.0}
    returns = [[value for _, value in done.runs[0].history("charts/episodic_return")] for done in (expected, found)]
    assert returns[0] == pytest.approx(returns[1])
