"""The copies of an environment that one agent acts in, whatever way they are stepped."""

import os
import signal
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, VectorEnv
from gymnasium.vector.async_vector_env import AsyncState

from smoothkit_policy.environments.looped_envs import LoopedEnvs
from smoothkit_policy.environments.rewind import attributes_of
from smoothkit_policy.environments.said import said
from smoothkit_policy.environments.watched import BadStep, Watched

EnvMaker = Callable[[], gymnasium.Env[Any, Any]]
Batch = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]
"""Observations, rewards, whether episodes ended by themselves or were cut off, and infos of the copies."""


class Copies(ABC):
    """One agent's copies: gymnasium's vector API, and a past that another process can take up."""

    envs: Any
    """Gymnasium's vector environment."""

    @property
    def autoreset(self) -> AutoresetMode:
        """When an ended episode is followed by the next."""
        return self.envs.metadata["autoreset_mode"]

    @abstractmethod
    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin, copy i by its own seed."""

    def step(self, actions: np.ndarray) -> Batch:
        """Act in every copy."""
        return self.envs.step(actions)

    def reset_some(self, which: np.ndarray) -> np.ndarray:
        """Begin new episodes in some copies, of those that wait for it; all copies' observations."""
        return self.envs.reset(options={"reset_mask": which})[0].copy()

    @abstractmethod
    def past(self) -> Any:
        """Plain data by which `return_to` brings other copies to where these stand."""

    @abstractmethod
    def return_to(self, past: Any, pending: Sequence[bool]) -> np.ndarray | None:
        """Stand where `past` was told, and return the observations of there, if they are known. Where `pending`, the
        next step resets."""

    def close(self) -> None:
        """End processes, close windows."""
        self.envs.close()


class Separate(Copies):
    """Copies that are environments of their own."""

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin, copy i by its own seed."""
        return self.envs.reset(seed=list(seeds))[0].copy()

    def past(self) -> Any:
        """For each copy, where its episode began and what was done since."""
        return list(self.envs.get_attr("past"))

    def return_to(self, past: Any, pending: Sequence[bool]) -> np.ndarray | None:
        """Go back to where each episode began, and do again what was done."""
        told = [{**own, "resets_next": bool(resets)} for own, resets in zip(past, pending, strict=True)]
        self.envs.set_attr("past", told)
        return np.array(self.envs.get_attr("observation"), dtype=self.envs.single_observation_space.dtype)


class Looped(Separate):
    """Copies that are stepped one after the other in this process."""

    def __init__(self, make: EnvMaker, num_envs: int, autoreset: AutoresetMode):
        self.envs = LoopedEnvs([_watched(make)] * num_envs, copy=False, autoreset_mode=autoreset)


class InProcesses(Separate):
    """Copies that are stepped side by side, each in a process of its own."""

    def __init__(self, make: EnvMaker, num_envs: int, autoreset: AutoresetMode):
        self.envs = AsyncVectorEnv([_watched(make, os.getpid())] * num_envs, autoreset_mode=autoreset)

    def step(self, actions: np.ndarray) -> Batch:
        """Act in every copy."""
        with warnings.catch_warnings():
            # Gymnasium warns of what it then raises.
            warnings.simplefilter("ignore")
            return super().step(actions)

    def close(self) -> None:
        """End the processes, also where some have failed."""
        # One that died in a step leaves the others' answers half fetched, and gymnasium would wait for them for ever.
        if self.envs._state is AsyncState.DEFAULT:
            try:
                return self.envs.close()
            except Exception:
                # One that died between two steps cannot be told to close.
                pass
        self.envs._state = AsyncState.DEFAULT
        self.envs.close(terminate=True)


class Native(Copies):
    """Copies that the environment itself steps as one."""

    def __init__(self, envs: VectorEnv[Any, Any, Any]):
        self.envs = envs

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin, all copies by the first of the seeds: they have one stream."""
        return np.array(self.envs.reset(seed=seeds[0])[0])

    def step(self, actions: np.ndarray) -> Batch:
        """Act in every copy."""
        try:
            observations, rewards, terminated, truncated, infos = self.envs.step(actions)
        except Exception as error:
            raise BadStep(f"step({actions}) raised {said(error)}") from error
        if np.shape(observations) != self.envs.observation_space.shape:
            raise BadStep(
                f"observations have the shape {np.shape(observations)}, not {self.envs.observation_space.shape} as "
                "their space has"
            )
        if not np.isfinite(rewards).all():
            raise BadStep(f"step({actions}) returned the rewards {rewards}")
        # Copies: an environment may write over what it returned, or return what cannot be written to.
        return np.array(observations), np.array(rewards), np.array(terminated), np.array(truncated), infos

    def past(self) -> Any:
        """The numbers and arrays that the environment holds, and its stream."""
        return {"attributes": attributes_of(self.envs, inf), "random": self.envs.np_random.bit_generator.state}

    def return_to(self, past: Any, pending: Sequence[bool]) -> np.ndarray | None:
        """Hold what other copies held, which copies are pending included."""
        vars(self.envs).update(past["attributes"])
        self.envs.np_random.bit_generator.state = past["random"]


def _watched(make: EnvMaker, trainer: int | None = None) -> EnvMaker:
    """Makes watched copies; in other processes than `trainer`, Ctrl-C is left to that."""

    def watched() -> gymnasium.Env[Any, Any]:
        if trainer is not None and os.getpid() != trainer:
            # The terminal sends it to every process; the trainer still needs its environments for a last checkpoint.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return Watched(make())

    return watched
