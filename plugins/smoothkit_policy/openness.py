"""How open a policy is: entropy, rarest actions and collapse, over the states in which it acts."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit_policy.quantities import COLLAPSED

RARE = 0.01
"""The quantile that stands for the smallest probability of an action."""

PerPolicy = Float64[Tensor, "*batch"]


class Openness(NamedTuple):
    """Of each policy."""

    entropy: PerPolicy
    """Mean over states, as a share of log K."""
    min_probability: PerPolicy
    """The 1 % quantile over states of the smallest probability of an action."""
    collapsed_share: PerPolicy
    """Share of states whose entropy is below 5 % of log K."""


def openness(policy: Float64[Tensor, "*batch states actions"], visits: Float64[Tensor, "*batch states"]) -> Openness:
    """Means and quantile over states, each with its `visits` as a weight; NaN where there are no visits.

    Of a single action all that is said is that it is certain: its entropy is NaN.
    """
    weights = visits / visits.sum(-1, keepdim=True)
    most = math.log(policy.shape[-1]) or math.nan
    entropy = -torch.xlogy(policy, policy).sum(-1) / most
    return Openness(
        (entropy * weights).sum(-1),
        low_quantile(policy.amin(-1), weights),
        ((entropy < COLLAPSED) * weights).sum(-1),
    )


def low_quantile(values: Float64[Tensor, "*batch states"], weights: Float64[Tensor, "*batch states"]) -> PerPolicy:
    """The smallest value that, with those below it, has 1 % of the weight, which sums to 1; NaN where that does."""
    order = values.argsort(-1)
    heaped = weights.gather(-1, order).cumsum(-1)
    # Rounding may leave the sum of all a little below what it is.
    place = (heaped < RARE * (1 - 1e-9)).sum(-1, keepdim=True).clamp(max=values.shape[-1] - 1)
    found = values.gather(-1, order.gather(-1, place)).squeeze(-1)
    return torch.where(heaped[..., -1].isnan(), torch.nan, found)
