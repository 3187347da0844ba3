"""One step of a tabular environment as a matrix: where each state and action leads, and what it earns on average."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64
from scipy.sparse import csr_array
from torch import Tensor

from smoothkit_policy.environments.tables import Tables


@dataclass(frozen=True, eq=False)
class Transitions:
    """The law of one phase: rows are pairs of a state and an action, the action counted fastest."""

    going_on: csr_array
    """(S K, S): probabilities to go on in a state; rows sum to less than 1 where an episode may end."""
    rewards: Float64[np.ndarray, "states actions"]
    """Mean reward of a step."""

    @cached_property
    def arriving(self) -> csr_array:
        """(S, S K): the transpose, which sums over what leads to a state."""
        return csr_array(self.going_on.T)

    @classmethod
    def of(cls, tables: Tables, phase: int) -> "Transitions":
        """Those of a phase; negative ones count from the last.

        Raises:
            ValueError: there is no such phase.
        """
        phases, states, actions, outcomes = tables.next_state.shape
        if not -phases <= phase < phases:
            raise ValueError(f"phase is {phase}; expected one of the {phases} phases, from 0 or from the end")
        weights = (tables.probability[phase] * ~tables.terminated[phase]).reshape(-1).numpy()
        pairs = np.arange(0, states * actions * outcomes + 1, outcomes)
        going_on = csr_array(
            (weights.copy(), tables.next_state[phase].reshape(-1).numpy().copy(), pairs),
            shape=(states * actions, states),
        )
        # Outcomes that lead to the same state are one entry, and impossible ones none: fewer products in each step.
        going_on.sum_duplicates()
        going_on.eliminate_zeros()
        rewards = (tables.probability[phase] * tables.reward[phase]).sum(-1)
        return cls(going_on, rewards.numpy())

    def backup(self, values: Float64[np.ndarray, "states *batch"]) -> Float64[np.ndarray, "states actions *batch"]:
        """What each action is worth if states are worth `values` a step later: its reward and where it leads to."""
        states, actions = self.rewards.shape
        ahead = (self.going_on @ values).reshape(states, actions, *values.shape[1:])
        return ahead + self.rewards.reshape(states, actions, *[1] * (values.ndim - 1))


def batch_last(policies: Float64[Tensor, "... states actions"], states: int, actions: int) -> np.ndarray:
    """Policies as an array of shape (states, actions, policies).

    Raises:
        ValueError: they are for another number of states or actions.
    """
    if tuple(policies.shape[-2:]) != (states, actions):
        raise ValueError(
            f"the policy has the shape {tuple(policies.shape)}; expected (..., {states}, {actions}) for {states} "
            f"states and {actions} actions"
        )
    flat = policies.to(torch.float64).reshape(-1, states, actions)
    return np.ascontiguousarray(flat.permute(1, 2, 0).cpu().numpy())
