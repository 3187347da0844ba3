"""A corridor that pays for other actions from some step on: can a policy that has settled begin to explore again?"""

import torch

from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.tables import Tables

STATES = 6
ACTIONS = 4
FORMER = 1 / 3
"""What an action that paid before the switch pays after it, as a share of what the right one pays."""


class SwitchingCorridor(TabularEnv):
    """Six states in a row, passed in six steps whatever one does; in each, one of four actions is right.

    It pays 1/6, so the optimum is 1, and every other action 0. After `switch_after` steps of a copy another action is
    right in each state, and the former one still pays a third of it: a policy that has settled gains 1/3 and has no
    reason to leave, unless something keeps it trying.

    >>> SwitchingCorridor(switch_after=100).tables(6).phase_steps
    (100,)
    """

    def __init__(self, switch_after: int = 1280, render_mode: str | None = None):
        if switch_after < 1:
            raise ValueError(f"switch_after is {switch_after}; it counts steps of one copy, from 1")
        super().__init__(_tables(switch_after), render_mode=render_mode)


def _tables(switch_after: int) -> Tables:
    states = torch.arange(STATES)
    former, right = states % ACTIONS, (states + 2) % ACTIONS
    reward = torch.zeros(2, STATES, ACTIONS, dtype=torch.float64)
    reward[0, states, former] = 1 / STATES
    reward[1, states, former] = FORMER / STATES
    reward[1, states, right] = 1 / STATES
    everywhere = (2, STATES, ACTIONS, 1)
    return Tables(
        next_state=(states + 1).clamp(max=STATES - 1)[:, None, None].expand(everywhere).clone(),
        probability=torch.ones(everywhere, dtype=torch.float64),
        reward=reward[..., None],
        terminated=(states == STATES - 1)[:, None, None].expand(everywhere).clone(),
        start=torch.eye(STATES, dtype=torch.float64)[0],
        phase_steps=(switch_after,),
        max_episode_steps=STATES,
    )
