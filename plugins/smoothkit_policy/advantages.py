"""How much better actions were than the critic expected."""

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

PerStep = Float32[Tensor, "members steps envs"]


def generalised_advantages(
    rewards: PerStep,
    values: PerStep,
    next_values: PerStep,
    terminated: Bool[Tensor, "members steps envs"],
    ended: Bool[Tensor, "members steps envs"],
    gamma: float,
    gae_lambda: float,
) -> PerStep:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16).

    `next_values` are of what followed each step: where an episode was truncated, of its last observation, not of the
    first one of the next. Nothing is carried over the end of an episode, and nothing is expected after one that
    `terminated`.
    """
    delta = rewards + gamma * next_values * ~terminated - values
    carried = (gamma * gae_lambda) * ~ended
    # The loop is over contiguous slices, one for each step.
    deltas, factors = (each.transpose(0, 1).contiguous().unbind() for each in (delta, carried))
    advantage = deltas[-1]
    found = [advantage]
    for own, factor in zip(reversed(deltas[:-1]), reversed(factors[:-1]), strict=True):
        advantage = torch.addcmul(own, factor, advantage)
        found.append(advantage)
    return torch.stack(found[::-1], 1)
