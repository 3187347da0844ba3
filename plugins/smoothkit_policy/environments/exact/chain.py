"""A chain with a small reward nearby and a large one far away."""

import torch

from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.tables import Tables


class Chain(TabularEnv):
    """States in a row, of which either end ends the episode: the left one, `near` steps away, pays `small`, the right
    one, `far` steps away, pays 1. Action 0 leads left, 1 right; the optimum is 1 if the time limit leaves `far` steps.

    >>> Chain(near=2, far=14).tables(100).num_states
    17
    """

    def __init__(self, near: int = 2, far: int = 14, small: float = 0.1, render_mode: str | None = None):
        for name, steps in (("near", near), ("far", far)):
            if steps < 1:
                raise ValueError(f"{name} is {steps}; an end is at least 1 step away")
        super().__init__(_tables(near, far, small), render_mode=render_mode)


def _tables(near: int, far: int, small: float) -> Tables:
    states = near + far + 1
    place = torch.arange(states)
    following = torch.stack([place - 1, place + 1], dim=1).clamp(0, states - 1)
    reward = small * (following == 0).double() + (following == states - 1).double()
    return Tables(
        next_state=following[None, :, :, None],
        probability=torch.ones(1, states, 2, 1, dtype=torch.float64),
        reward=reward[None, :, :, None],
        terminated=((following == 0) | (following == states - 1))[None, :, :, None],
        start=torch.eye(states, dtype=torch.float64)[near],
        phase_steps=(),
        max_episode_steps=100,
    )
