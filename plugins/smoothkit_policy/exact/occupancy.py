"""Where a policy spends its time, and what that earns."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.transitions import Transitions, batch_last


class Occupancy(NamedTuple):
    """What an episode of each policy comes to, on average."""

    visits: Float64[Tensor, "*batch states"]
    """Steps taken in each state; they sum to the mean length of an episode."""
    returns: Float64[Tensor, "*batch"]
    """The undiscounted return, as `returns.expected_return` has it."""


def occupancy(tables: Tables, policy: Float64[Tensor, "*batch states actions"], phase: int = -1) -> Occupancy:
    """Expected steps in each state over an episode, and its return: both from one pass forwards in time.

    Law: d_0 = start and d_(t+1)(s') = sum over s, a of d_t(s) policy(a | s) P(s' | s, a), where P leaves out what is
    terminal; visits are the sum of d_t over the steps that the limit allows.

    Raises:
        ValueError: the policy is for another number of states or actions, or there is no such phase.
    """
    law = Transitions.of(tables, phase)
    chances = batch_last(policy, *law.rewards.shape)
    states, actions, policies = chances.shape
    here = np.repeat(tables.start.numpy()[:, None], policies, 1)
    visits = np.zeros_like(here)
    for _ in range(tables.max_episode_steps):
        visits += here
        here = law.arriving @ (here[:, None] * chances).reshape(states * actions, policies)
    returns = np.einsum("sp,sap,sa->p", visits, chances, law.rewards)
    batch = policy.shape[:-2]
    return Occupancy(
        torch.from_numpy(np.ascontiguousarray(visits.T)).reshape(*batch, states),
        torch.from_numpy(returns).reshape(batch),
    )


def reachable_states(tables: Tables) -> Bool[Tensor, " states"]:
    """The states in which an episode may have something to do, in any of the phases, within the limit on its steps.

    What is entered by a terminal step is no such state.
    """
    phases = len(tables.next_state)
    steps = [Transitions.of(tables, phase) for phase in range(phases)]
    reached = tables.start.numpy() > 0
    for _ in range(tables.max_episode_steps - 1):
        leads = [law.arriving @ np.repeat(reached, tables.num_actions).astype(np.float64) > 0 for law in steps]
        grown = np.logical_or.reduce([reached, *leads])
        if (grown == reached).all():
            break
        reached = grown
    return torch.from_numpy(reached)


def coverage(visits: Int64[Tensor, "*batch states"], reachable: Bool[Tensor, " states"]) -> Float64[Tensor, "*batch"]:
    """The share of reachable states that were visited at all."""
    return (visits[..., reachable] > 0).double().mean(-1)


def visitation_entropy(
    visits: Int64[Tensor, "*batch states"], reachable: Bool[Tensor, " states"]
) -> Float64[Tensor, "*batch"]:
    """Entropy of the distribution of visits over reachable states, as a share of the logarithm of their number.

    1 where all were visited alike; 0 where one alone was, or where there is but one. NaN without visits.
    """
    counts = visits[..., reachable].double()
    shares = counts / counts.sum(-1, keepdim=True)
    most = np.log(counts.shape[-1])
    return -torch.xlogy(shares, shares).sum(-1) / (most if most > 0 else 1.0)


def shortfall(returns: Float64[Tensor, "*batch"], optimum: float) -> Float64[Tensor, "*batch"]:
    """The regret as a share: (J* - J) / |J*|, 0 for the optimum; NaN where the optimum is 0.

    >>> shortfall(torch.tensor([1.0, 0.0], dtype=torch.float64), 1.0)
    tensor([0., 1.], dtype=torch.float64)
    """
    return (optimum - returns) / (abs(optimum) if optimum != 0 else float("nan"))
