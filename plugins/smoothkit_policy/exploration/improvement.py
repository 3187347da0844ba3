"""The improved policy as a target that may be smoothed: what smoothing the action taken should have been."""

from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

Number = TypeVar("Number", float, Tensor)


class Improvement(NamedTuple):
    """Distributions that are a step better than the policy, and where that step was shortened."""

    targets: Float[Tensor, "*rows actions"]
    clipped: Bool[Tensor, "*rows"]


def improvement_target(
    policy: Float[Tensor, "*rows actions"],
    actions: Int64[Tensor, "*rows"],
    advantages: Float[Tensor, "*rows"],
    step: Float[Tensor, "*#rows"] | float,
) -> Improvement:
    """t = pi + step A (e_a - pi), of probabilities `policy`; a distribution in every row.

    The step is shortened to where the target would leave the simplex: to t = e_a for step A > 1, and to t_a = 0 for
    step A < -pi_a / (1 - pi_a). That is the same as to cut negative entries off and to divide by the sum.

    >>> policy = torch.tensor([[0.5, 0.25, 0.25]]).expand(3, 3)
    >>> improvement_target(policy, torch.tensor([1, 0, 0]), torch.tensor([2.0, -1.0, -5.0]), 0.4)
    Improvement(targets=tensor([[0.1000, 0.8500, 0.0500],
            [0.3000, 0.3500, 0.3500],
            [0.0000, 0.5000, 0.5000]]), clipped=tensor([False, False,  True]))
    """
    at = actions.unsqueeze(-1)
    wanted = (advantages * step).unsqueeze(-1)
    taken = policy.gather(-1, at)
    # A policy that is sure has nothing to take away from, and its bound is then without end.
    moved = torch.maximum(wanted, -taken / (1 - taken)).clamp(max=1)
    targets = torch.addcmul(policy, policy, moved, value=-1).scatter_add(-1, at, moved)
    return Improvement(targets.clamp_(min=0), (moved != wanted).squeeze(-1))


def alpha_of(coef: Number, step: Number) -> Number:
    """The smoothing of an improvement target that is worth `coef` KL(u || pi): coef step / (1 + coef step).

    >>> round(alpha_of(1.0, 0.25), 3)
    0.2
    """
    return coef * step / (1 + coef * step)


def smoothed(
    targets: Float[Tensor, "*rows actions"], alpha: Float[Tensor, "*#rows 1"] | float
) -> Float[Tensor, "*rows actions"]:
    """(1 - alpha) t + alpha u."""
    return targets * (1 - alpha) + alpha / targets.shape[-1]


def improvement_gradient(
    log_probs: Float[Tensor, "*rows actions"],
    smoothed_targets: Float[Tensor, "*rows actions"],
    alpha: Float[Tensor, "*#rows 1"] | float,
    step: Float[Tensor, "*#rows 1"] | float,
) -> Float[Tensor, "*rows actions"]:
    """The gradient of CE(t_smoothed, pi) / ((1 - alpha) step) with respect to the logits.

    At the policy that the target was made from it is A (pi - e_a) + coef (pi - u), with coef = alpha / ((1 - alpha)
    step), for either sign of the advantage A, where the target was not clipped: the policy gradient and that of
    coef KL(u || pi), which the advantage does not weigh.
    """
    return (log_probs.exp() - smoothed_targets) / ((1 - alpha) * step)
