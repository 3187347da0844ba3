"""A gymnasium environment that is its tables."""

import dataclasses
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from smoothkit_policy.environments.tables import Tables

PIXELS = 24
"""Edge of one state in a picture."""


class TabularEnv(gymnasium.Env[Any, Any]):
    """An environment of `tables`, whose observation is the index of the state.

    Phases follow each other by the steps of this copy since it was made or seeded: resets alone do not count. Pictures
    (`rgb_array`) show the states as a grid of `rows`, row by row, and where the agent is.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012 (gymnasium declares it so)

    def __init__(self, tables: Tables, rows: int = 1, render_mode: str | None = None):
        self.observation_space = spaces.Discrete(tables.num_states)
        self.action_space = spaces.Discrete(tables.num_actions)
        self.render_mode = render_mode
        self.state = 0
        self.steps = 0
        self._tables = tables
        self._rows = rows
        self._next_state, self._reward = tables.next_state.tolist(), tables.reward.tolist()
        self._terminated, self._cumulative = tables.terminated.tolist(), tables.probability.cumsum(-1).numpy()
        self._outcomes = tables.next_state.shape[-1]
        self._start = tables.start.cumsum(0).numpy()
        self._first = int(tables.start.argmax()) if float(tables.start.max()) == 1 else None

    def tables(self, max_episode_steps: int) -> Tables:
        """The model, with the time limit that it is used with."""
        return dataclasses.replace(self._tables, max_episode_steps=max_episode_steps)

    @property
    def phase(self) -> int:
        """The phase that the next step belongs to."""
        return sum(self.steps >= after for after in self._tables.phase_steps)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Begin an episode; with a seed begin the life of this copy."""
        super().reset(seed=seed)
        if seed is not None:
            self.steps = 0
        self.state = _drawn(self._start, self.np_random) if self._first is None else self._first
        return self.state, {}

    def step(self, action: int | np.integer) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one of the outcomes of `action`."""
        phase, state = self.phase, self.state
        outcome = _drawn(self._cumulative[phase, state, action], self.np_random) if self._outcomes > 1 else 0
        self.steps += 1
        self.state = self._next_state[phase][state][action][outcome]
        reward = self._reward[phase][state][action][outcome]
        return self.state, reward, self._terminated[phase][state][action][outcome], False, {}

    def render(self) -> np.ndarray:
        """A picture of the grid, white, with the agent's state blue: uint8 of (height, width, 3)."""
        columns = -(-self._tables.num_states // self._rows)
        cells = np.full((self._rows, columns, 3), 235, dtype=np.uint8)
        cells[divmod(self.state, columns)] = (31, 98, 182)
        picture = cells.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
        picture[::PIXELS] = picture[:, ::PIXELS] = 255
        return picture


def _drawn(cumulative: np.ndarray, random: np.random.Generator) -> int:
    # Rounding may leave the last sum a little below 1.
    return min(int(np.searchsorted(cumulative, random.random(), side="right")), len(cumulative) - 1)
