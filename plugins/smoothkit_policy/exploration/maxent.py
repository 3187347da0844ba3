"""The entropy inside the return."""

from jaxtyping import Float
from torch import Tensor


def soft_rewards(
    rewards: Float[Tensor, "members ..."], log_prob: Float[Tensor, "members ..."], coef: Float[Tensor, " members"]
) -> Float[Tensor, "members ..."]:
    """r - coef log pi(a | s), of the action taken.

    Its mean over actions is r + coef H(pi), so that a critic of these rewards looks ahead to states where the policy is
    left open. Nothing is taken off for states without a choice: what lasts longer gathers more.

    Source: Haarnoja et al. 2018 (arXiv 1801.01290), with the entropy of the policy that acted.
    """
    return rewards - coef.view(-1, *[1] * (rewards.ndim - 1)) * log_prob
