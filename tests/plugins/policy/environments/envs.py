"""Environments that are made to be looked through, or to go wrong."""

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.tables import Tables

HERE = "tests.plugins.policy.environments.envs"
STATES, ACTIONS = 5, 3


def short_tables():
    """Where each action leads is drawn once; every fourth transition ends the episode."""
    random = np.random.default_rng(5)
    shape = 1, STATES, ACTIONS, 1
    return Tables(
        next_state=torch.from_numpy(random.integers(STATES, size=shape)),
        probability=torch.ones(shape, dtype=torch.float64),
        reward=torch.from_numpy(random.normal(size=shape)),
        terminated=torch.from_numpy(random.random(shape) < 0.25),
        start=torch.eye(STATES, dtype=torch.float64)[2],
        phase_steps=(),
        max_episode_steps=3,
    )


class Short(TabularEnv):
    """Nothing is left to chance, so each way to step it must give the same."""

    def __init__(self, render_mode=None):
        super().__init__(short_tables(), render_mode=render_mode)


class ShortVector(VectorEnv):
    """The vector form of `Short`."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    fault = None
    """What goes wrong in the third step."""

    def __init__(self, num_envs, max_episode_steps):
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = spaces.Discrete(STATES), spaces.Discrete(ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.limit = max_episode_steps
        tables = short_tables()
        self._tables = [each[0, :, :, 0].numpy() for each in (tables.next_state, tables.reward, tables.terminated)]
        self.count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.steps = np.full(self.num_envs, 2), np.zeros(self.num_envs, dtype=int)
        self.done = np.zeros(self.num_envs, dtype=bool)
        return self.state.copy(), {}

    def step(self, actions):
        self.count += 1
        following, reward, terminated = (table[self.state, actions] for table in self._tables)
        self.steps = np.where(self.done, 0, self.steps + 1)
        self.state = np.where(self.done, 2, following)
        reward = np.where(self.done, 0.0, reward)
        terminated, truncated = terminated & ~self.done, self.steps >= self.limit
        self.done = terminated | truncated
        if self.fault is not None and self.count == 3:
            return self._wrong(reward, terminated, truncated)
        return self.state.copy(), reward, terminated, truncated, {}

    def _wrong(self, reward, terminated, truncated):
        if self.fault == "raises":
            raise OSError("lost")
        state = self.state[:1] if self.fault == "shape" else self.state.copy()
        return state, reward * np.nan, terminated, truncated, {}


class Noisy(gymnasium.Env):
    """Observes the number of the step in the episode and a random number, and counts its episodes in a life."""

    metadata = {"render_modes": []}  # noqa: RUF012
    observation_space = spaces.Box(-np.inf, np.inf, (3,), dtype=np.float64)
    action_space = spaces.Discrete(2, start=1)

    def __init__(self, ends=0.1):
        self.ends, self.episodes, self.path = ends, 0, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episodes += 1
        # A list is no plain data: only doing the same again brings it back.
        self.path = [self.np_random.normal()]
        return self._seen(), {}

    def step(self, action):
        assert action in (1, 2)
        self.path.append(self.path[-1] + action * self.np_random.normal())
        return self._seen(), float(np.tanh(self.path[-1])), bool(self.np_random.random() < self.ends), False, {}

    def _seen(self):
        return np.array([len(self.path) - 1, self.path[-1], self.episodes])


class Hidden(Noisy):
    """Draws from a stream that nobody can set."""

    def step(self, action):
        self.path.append(np.random.default_rng().normal())
        return self._seen(), 0.0, False, False, {}


class Faulty(Noisy):
    """Does something wrong in its fifth step."""

    def __init__(self, fault):
        super().__init__(ends=0)
        self.fault, self.count = fault, 0

    def reset(self, *, seed=None, options=None):
        if self.fault == "at start":
            raise OSError("no display")
        return super().reset(seed=seed)

    def step(self, action):
        observation, reward, *ends = super().step(action)
        self.count += 1
        if self.count < 5:
            return observation, reward, *ends
        if self.fault == "raises":
            raise KeyError("lost")
        wrong = {"shape": observation[:2], "scalar": 1.0}.get(self.fault, observation)
        return wrong, {"nan": np.nan, "none": None}.get(self.fault, reward), *ends


class Spaces(gymnasium.Env):
    """Has the spaces that it is given."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, observations, actions=None):
        self.observation_space, self.action_space = observations, actions or spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(0)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


def needs_arguments(env, number):
    """A wrapper that cannot be put around an environment alone."""
    raise AssertionError


gymnasium.register("test/Short-v0", Short, max_episode_steps=3, vector_entry_point=ShortVector)
gymnasium.register("test/Noisy-v0", Noisy, max_episode_steps=7)
gymnasium.register("test/Hidden-v0", Hidden, max_episode_steps=7)
gymnasium.register("test/Faulty-v0", Faulty, max_episode_steps=100)
gymnasium.register("test/Spaces-v0", Spaces, max_episode_steps=3)
gymnasium.register("test/Endless-v0", Noisy)
