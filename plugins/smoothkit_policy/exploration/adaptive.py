"""A coefficient that finds itself: it rises while the policy is below a bound, and falls while it is above."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit_policy.config import AdaptiveConfig
from smoothkit_policy.exploration.entropy import entropy_penalty


def entropy_share(log_probs: Float[Tensor, "*rows actions"]) -> Float[Tensor, "*rows"]:
    """The entropy as a share of log K: 1 for the uniform policy."""
    return 1 - entropy_penalty(log_probs) / math.log(log_probs.shape[-1])


def min_probability_share(log_probs: Float[Tensor, "*rows actions"]) -> Float[Tensor, "*rows"]:
    """The smallest probability as a share of 1/K: 1 for the uniform policy."""
    return log_probs.amin(-1).exp() * log_probs.shape[-1]


FALL = 0.1
"""How fast a coefficient falls at most, as a share of how fast it rises.

A policy that is above its bound because it has found no reward yet must not lose what keeps it trying: as fast as it
rises, the coefficient would be gone before a distant reward is found."""

QUANTITIES = {"entropy": entropy_share, "min_probability": min_probability_share}


class Adaptive:
    """The bounds of members, and how each moves its coefficient; members without a bound keep theirs.

    After each rollout log coef moves by rate clamp((bound - q) / bound, -FALL, 1), where q is the mean of the quantity
    over the rows that count: a multiplicative ascent of the dual of "q is at least the bound", whose speed does not
    depend on the scale of the rewards. The coefficient stays between `lowest` and `highest`.
    """

    def __init__(self, configs: Sequence[AdaptiveConfig | None], device: torch.device):
        def column(name: str) -> Float[Tensor, " members"]:
            values = [1.0 if each is None else getattr(each, name) for each in configs]
            return torch.tensor(values, device=device)

        self.any = any(each is not None for each in configs)
        self.active = torch.tensor([each is not None for each in configs], device=device)
        self.bound, self.rate, self.lowest, self.highest = map(column, ("at_least", "rate", "lowest", "highest"))
        self.quantities = {
            name: torch.tensor([each is not None and each.quantity == name for each in configs], device=device)
            for name in QUANTITIES
            if any(each is not None and each.quantity == name for each in configs)
        }

    def measured(
        self, log_probs: Float[Tensor, "members rows actions"], weights: Float[Tensor, "members rows"]
    ) -> Float[Tensor, " members"]:
        """The mean of each member's quantity over rows, by weight; 0 for members without a bound."""
        total = weights.sum(1).clamp(min=1e-12)
        found = torch.zeros_like(total)
        for name, chosen in self.quantities.items():
            mean = (QUANTITIES[name](log_probs) * weights).sum(1) / total
            found = torch.where(chosen, mean, found)
        return found

    def moved(
        self,
        coef: Float[Tensor, " members"],
        log_probs: Float[Tensor, "members rows actions"],
        weights: Float[Tensor, "members rows"],
    ) -> Float[Tensor, " members"]:
        """The coefficients after a rollout with these log-probabilities; `weights` are 0 for rows that do not count."""
        short = ((self.bound - self.measured(log_probs, weights)) / self.bound).clamp(-FALL, 1)
        raised = torch.minimum(torch.maximum(coef * (self.rate * short).exp(), self.lowest), self.highest)
        return torch.where(self.active, raised, coef)
