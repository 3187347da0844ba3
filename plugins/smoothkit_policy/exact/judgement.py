"""What tables tell of policies: returns in every manner of acting, where they go, and how open they are there."""

from collections.abc import Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit_policy.acting import Manner, acted
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.occupancy import Occupancy, occupancy
from smoothkit_policy.openness import Openness, openness

PerMember = Float64[Tensor, " members"]


class Judgement:
    """Of policies in the last phase of an environment.

    Args:
        tables: the environment.
        policies: one for each member.
        smoothing: what the de-smoothed manner takes off, for each member.
        manners: in which to act.
    """

    def __init__(
        self,
        tables: Tables,
        policies: Float64[Tensor, "members states actions"],
        smoothing: Sequence[float],
        manners: Sequence[Manner],
    ):
        share = torch.tensor(smoothing, dtype=torch.float64).view(-1, 1, 1)
        self.policies = policies
        self._manners = tuple(manners)
        self._found: Occupancy = occupancy(tables, torch.stack([acted(policies, each, share) for each in manners]))

    def returns(self, manner: Manner) -> PerMember:
        """The mean return of an episode."""
        return self._found.returns[self._manners.index(manner)]

    def visits(self, manner: Manner) -> Float64[Tensor, "members states"]:
        """Mean steps of an episode in each state."""
        return self._found.visits[self._manners.index(manner)]

    def openness(self) -> Openness:
        """Of the policies themselves, over the states that they visit when actions are drawn from them."""
        return openness(self.policies, self.visits("sampled"))
