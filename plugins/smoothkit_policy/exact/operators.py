"""Maxima over the simplex that a term holds away from its corners: the policies that regularised optima consist of."""

import math
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

Regulariser = Literal["kl_uniform", "entropy"]

MOST_STEPS = 20
"""Steps of Newton's method; half a dozen are enough, from where on rounding alone moves the root."""

Maximum = tuple[Float64[Tensor, "*batch actions"], Float64[Tensor, "*batch"]]
"""The policy that is best, and what it is worth, the term included."""


def maximum(regulariser: Regulariser, worth: Float64[Tensor, "*batch actions"], coef: float) -> Maximum:
    """max over policies pi of <pi, worth> - coef Omega(pi), and where it is attained.

    Omega is KL(u || pi) for `kl_uniform` and KL(pi || u) for `entropy`, u uniform over actions. The value is convex in
    `worth`, grows by no more than the largest entry does, and its gradient is the policy (Geist, Scherrer and Pietquin,
    2019). With coef 0 it is the largest entry, and the policy takes the first action that has it.

    Raises:
        ValueError: the coefficient is negative.
    """
    if coef < 0:
        raise ValueError(f"coef is {coef}; expected 0 or more")
    if coef == 0:
        best, action = worth.max(-1)
        return torch.nn.functional.one_hot(action, worth.shape[-1]).double(), best
    return _kl_uniform(worth, coef) if regulariser == "kl_uniform" else _entropy(worth, coef)


def penalty(regulariser: Regulariser, policy: Float64[Tensor, "*batch actions"]) -> Float64[Tensor, "*batch"]:
    """Omega of policies, in nats: KL(u || pi) or KL(pi || u); infinite for the former where an action has no chance."""
    actions = policy.shape[-1]
    if regulariser == "kl_uniform":
        return -policy.log().mean(-1) - math.log(actions)
    return torch.xlogy(policy, policy).sum(-1) + math.log(actions)


def _kl_uniform(worth: Float64[Tensor, "*batch actions"], coef: float) -> Maximum:
    """pi_k = (coef / K) / (mu - worth_k), where mu is such that they sum to 1.

    In y = (mu - largest worth) / coef, which lies in [1 / K, 1], that is: f(y) = 1 where f is 1 over the mean of
    1 / (y + gap_k), and the gaps are those to the largest worth over coef. f grows and is concave, so that Newton's
    method from 1 / K climbs to the root without passing it.
    """
    actions = worth.shape[-1]
    best = worth.amax(-1, keepdim=True)
    gaps = (best - worth) / coef
    y = torch.full_like(best, 1 / actions)
    for _ in range(MOST_STEPS):
        poles = 1 / (y + gaps)
        level = poles.mean(-1, keepdim=True)
        # f = 1 / level and its derivative is mean(poles^2) / level^2.
        step = (level - 1) * level / poles.square().mean(-1, keepdim=True)
        y = (y + step).clamp(1 / actions, 1.0)
        if not bool((step.abs() > 1e-15 * y).any()):
            break
    policy = 1 / (actions * (y + gaps))
    policy = policy / policy.sum(-1, keepdim=True)
    # Gaps that are large beside coef make logarithms of tiny chances, so the value is summed from the gaps themselves.
    value = best.squeeze(-1) - coef * ((policy * gaps).sum(-1) + penalty("kl_uniform", policy))
    return policy, value


def _entropy(worth: Float64[Tensor, "*batch actions"], coef: float) -> Maximum:
    """pi is proportional to exp(worth / coef), and the value coef (log sum exp(worth / coef) - log K)."""
    scaled = worth / coef
    return scaled.softmax(-1), coef * (scaled.logsumexp(-1) - math.log(worth.shape[-1]))
