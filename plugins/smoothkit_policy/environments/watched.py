"""One copy of an environment, watched: what it returns is checked, and what made its episode is remembered."""

from math import isfinite
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from smoothkit_policy.environments.rewind import Origin, origin_of, return_to
from smoothkit_policy.environments.said import said


class BadStep(RuntimeError):
    """An environment raised an error or returned what it must not; a plain sentence, which can pass between
    processes."""


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The outermost wrapper of each copy.

    It refuses rewards that are not finite and observations that are not of their space's form, and remembers where the
    episode began and what was done since. Nothing of `info` is passed on: nobody reads it, and collecting it is slow.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]):
        super().__init__(env)
        space = env.observation_space
        self._shape = space.shape
        self._is_index = isinstance(space, spaces.Discrete)
        self._origin: Origin = {}
        self._actions: list[int] = []
        self._resets_next = False
        self.observation: Any = None
        """What the last step or reset returned."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and remember from where.

        Raises:
            BadStep: the environment raised an error, or returned no observation of its space.
        """
        self._resets_next = False
        self._origin, self._actions = origin_of(self.env, seed), []
        try:
            observation, _ = self.env.reset(seed=seed, options=options)
        except Exception as error:
            raise BadStep(f"reset() raised {said(error)}") from error
        self._check(observation)
        self.observation = observation
        return observation, {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Act.

        Raises:
            BadStep: the environment raised an error, or returned no observation of its space or no finite reward.
        """
        if self._resets_next:
            return self.reset()[0], 0.0, False, False, {}
        self._actions.append(action)
        try:
            observation, reward, terminated, truncated, _ = self.env.step(action)
            is_finite = isfinite(reward)
        except Exception as error:
            raise BadStep(f"step({action}) raised {said(error)}") from error
        if not is_finite:
            raise BadStep(f"step({action}) returned the reward {reward}")
        if type(observation) is not np.ndarray or observation.shape != self._shape:
            self._check(observation)
        self.observation = observation
        return observation, reward, terminated, truncated, {}

    @property
    def past(self) -> dict[str, Any]:
        """What `past` must be set to, in another copy of this environment, for it to stand where this one does: plain
        data. `resets_next` says that the next step is only a reset."""
        return {"origin": self._origin, "actions": [int(a) for a in self._actions], "resets_next": self._resets_next}

    @past.setter
    def past(self, past: dict[str, Any]) -> None:
        return_to(self.env, past["origin"])
        self.observation, _ = self.env.reset(seed=past["origin"].get("seed"))
        for action in past["actions"]:
            self.observation = self.env.step(action)[0]
        self._origin, self._actions = past["origin"], list(past["actions"])
        self._resets_next = past["resets_next"]

    def _check(self, observation: Any) -> None:
        if self._is_index:
            if not self.observation_space.contains(observation):
                raise BadStep(f"the observation is {observation}; its space is {self.observation_space}")
        elif np.shape(observation) != self._shape:
            raise BadStep(f"the observation has the shape {np.shape(observation)}, not {self._shape} as its space has")
