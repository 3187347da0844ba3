"""What training hands to the evaluation."""

from dataclasses import dataclass

from jaxtyping import Int64
from torch import Tensor

from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.policy import Policy


@dataclass(frozen=True, eq=False)
class Trained:
    """One agent."""

    policy: Policy
    spec: Spec
    tables: Tables | None
    """The environment's transitions, where they are known."""
    visits: Int64[Tensor, " states"] | None
    """How often training acted in each state, where observations are indices of states."""
    smoothing: float
    """The share of the uniform distribution that the target of an algorithm that imitates mixed in; 0 for none. What an
    exploration term leaves of it in the policy depends on the advantages, and is not taken off."""
