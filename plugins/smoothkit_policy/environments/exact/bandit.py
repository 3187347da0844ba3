"""A bandit: one state, one step, and arms that pay differently."""

import math
from collections.abc import Sequence

import torch

from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.tables import Tables


class Bandit(TabularEnv):
    """Arm k pays `means[k]`, give or take `noise`, either with the probability 1/2.

    >>> Bandit(means=[0.0, 1.0], noise=0.5).tables(1).reward.tolist()
    [[[[-0.5, 0.5], [0.5, 1.5]]]]
    """

    def __init__(
        self, means: Sequence[float] = (1.0, 0.0, 0.0, 0.0), noise: float = 0.0, render_mode: str | None = None
    ):
        if len(means) < 2 or not all(math.isfinite(mean) for mean in means):
            raise ValueError(f"means are {list(means)}; there must be two arms or more, with finite rewards")
        if not 0 <= noise < math.inf:
            raise ValueError(f"noise is {noise}; it is half of the distance between two rewards, 0 or more")
        super().__init__(_tables(means, noise), render_mode=render_mode)


def _tables(means: Sequence[float], noise: float) -> Tables:
    offsets = torch.tensor([-noise, noise] if noise else [0.0], dtype=torch.float64)
    reward = (torch.tensor(means, dtype=torch.float64)[:, None] + offsets)[None, None]
    return Tables(
        next_state=torch.zeros(reward.shape, dtype=torch.int64),
        probability=torch.full_like(reward, 1 / len(offsets)),
        reward=reward,
        terminated=torch.ones(reward.shape, dtype=torch.bool),
        start=torch.ones(1, dtype=torch.float64),
        phase_steps=(),
        max_episode_steps=1,
    )
