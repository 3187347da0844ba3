"""The return of an episode, exactly."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.transitions import Transitions, batch_last


def expected_return(
    tables: Tables, policy: Float64[Tensor, "*batch states actions"], phase: int = -1, discount: float = 1.0
) -> Float64[Tensor, "*batch"]:
    """The mean return of an episode from `tables.start` that ends with a terminal step, or by the limit on its steps.

    Law: V_0 = 0 and V_(h+1)(s) = sum_a policy(a | s) (r(s, a) + discount sum_s' P(s' | s, a) V_h(s')), where P leaves
    out what is terminal; the return is the mean of V_H over the start, H being the limit. All steps are of one phase.

    Args:
        policy: probabilities of actions, of one policy or of many at once.
        phase: which law holds; by default the last.
        discount: of rewards, for each step.

    Raises:
        ValueError: the policy is for another number of states or actions, or there is no such phase.
    """
    law = Transitions.of(tables, phase)
    chances = batch_last(policy, *law.rewards.shape)
    values = np.zeros((len(chances), chances.shape[-1]))
    for _ in range(tables.max_episode_steps):
        values = (chances * law.backup(discount * values)).sum(1)
    return torch.from_numpy(tables.start.numpy() @ values).reshape(policy.shape[:-2])
