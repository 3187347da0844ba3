"""An episode of the greedy policy as the environment draws itself."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from smoothkit.run import Run
from smoothkit.seeding import derived_seed
from smoothkit_policy.config import EnvironmentConfig, PolicyConfig
from smoothkit_policy.environments.description import description
from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.one_env import one_env
from smoothkit_policy.figures.strip import Frame, StripFigure
from smoothkit_policy.policy import Policy
from smoothkit_policy.trained import Trained

DRIVER = "SDL_VIDEODRIVER"
"""The environment variable by which SDL is told where to draw."""


def strip_figure(config: PolicyConfig, run: Run, trained: Trained) -> StripFigure | None:
    """`evaluate.strip` pictures of an episode; None, and a note that says why, where it cannot be rendered."""
    number = config.evaluate.strip
    try:
        with off_screen():
            film = greedy_episode(config.environment, trained.policy, run.seed, run.device, number)
    except Exception as error:
        # Drawing is the environment's own code, and windows its own trouble: it must not cost the measurements.
        why = str(error) or repr(error)
        run.note(f"evaluate.strip: no pictures, {config.environment.id} cannot be rendered: {why}")
        return None
    return StripFigure.of("An episode of the greedy policy", film.frames, film.rewards, number)


@contextmanager
def off_screen() -> Iterator[None]:
    """Draw where there may be no screen, and leave out what packages that draw warn of."""
    # SDL, which most environments draw with, looks for a screen even where pictures are all that is wanted.
    own = DRIVER not in os.environ
    if own:
        os.environ[DRIVER] = "dummy"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if own:
            os.environ.pop(DRIVER, None)


@dataclass
class Film:
    """Pictures of an episode, at least `number` once it is as long: taken at multiples of a stride, which doubles as
    they become too many."""

    number: int
    frames: dict[int, Frame] = field(default_factory=dict)
    """By the number of steps before."""
    rewards: list[float] = field(default_factory=list)
    stride: int = 1

    @property
    def is_due(self) -> bool:
        """Whether there is to be a picture of now."""
        return len(self.rewards) % self.stride == 0

    def add(self, picture: object) -> None:
        """Keep a picture of now.

        Raises:
            ValueError: it is no picture.
        """
        frame = np.asarray(picture)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"it draws {type(picture).__name__}, and no array of bytes of (height, width, 3)")
        if len(self.frames) > 2 * self.number:
            self.stride *= 2
            self.frames = {step: frame for step, frame in self.frames.items() if step % self.stride == 0}
        self.frames[len(self.rewards)] = frame


def greedy_episode(config: EnvironmentConfig, policy: Policy, seed: int, device: torch.device, number: int) -> Film:
    """One episode, whose random numbers depend on `seed` alone, with at least `number` pictures or one of each step."""
    seen, film = description(config), Film(number)
    env = one_env(config, render_mode="rgb_array")
    try:
        observation, _ = env.reset(seed=derived_seed(seed, "strip") % 2**31)
        if isinstance(env.unwrapped, TabularEnv) and seen.tables and seen.tables.phase_steps:
            # The policy has learned for the law that holds in the end, as its returns are told.
            env.unwrapped.steps = seen.tables.phase_steps[-1]
        ended = False
        while not ended:
            if film.is_due:
                film.add(env.render())
            read = seen.reading(np.asarray(observation)[None, None])[0].to(device)
            action = int(policy.log_probs(read).argmax(1)) + seen.first_action
            observation, reward, terminated, truncated, _ = env.step(action)
            film.rewards.append(float(reward))
            ended = bool(terminated or truncated)
        film.add(env.render())
        return film
    finally:
        env.close()
