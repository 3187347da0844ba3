"""DeepSea of bsuite (Osband et al. 2020): a treasure behind N right actions in a row, each of which costs a little."""

import numpy as np
import torch

from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.tables import Tables

MAPPING_SEED = 42
"""Of bsuite's default mapping."""
MOVE_COST = 0.01


class DeepSea(TabularEnv):
    """A grid of `size` rows and columns: each action leads one row down, and one column left or right.

    One starts at the top left. Right costs 0.01 / size, left nothing; right in the bottom right corner pays 1 besides,
    so the optimum is 0.99, and the uniform policy finds it once in 2^size episodes. Which of the two actions means
    right differs from state to state, by bsuite's own mapping. The state of row r and column c is r * size + c.

    >>> DeepSea(size=4).tables(4).num_states
    16
    """

    def __init__(self, size: int = 10, render_mode: str | None = None):
        if size < 2:
            raise ValueError(f"size is {size}; the smallest sea has 2 rows")
        super().__init__(_tables(size), rows=size, render_mode=render_mode)


def right_actions(size: int) -> np.ndarray:
    """Which action means right, 0 or 1, in each row and column."""
    return np.random.RandomState(MAPPING_SEED).binomial(1, 0.5, (size, size))


def _tables(size: int) -> Tables:
    row, column = (index.flatten() for index in torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij"))
    goes_right = torch.from_numpy(right_actions(size)).flatten()[:, None] == torch.arange(2)
    following = torch.where(goes_right, column[:, None] + 1, column[:, None] - 1).clamp(0, size - 1)
    is_last = row == size - 1
    reward = -(MOVE_COST / size) * goes_right.double()
    reward += (goes_right & is_last[:, None] & (column == size - 1)[:, None]).double()
    next_row = (row + 1).clamp(max=size - 1)
    return Tables(
        next_state=(next_row[:, None] * size + following)[None, :, :, None],
        probability=torch.ones(1, size * size, 2, 1, dtype=torch.float64),
        reward=reward[None, :, :, None],
        terminated=is_last[None, :, None, None].expand(1, -1, 2, 1).clone(),
        start=torch.eye(size * size, dtype=torch.float64)[0],
        phase_steps=(),
        max_episode_steps=size,
    )
