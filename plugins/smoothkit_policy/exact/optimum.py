"""What could be had at best: optimal returns and policies, with and without a term that holds policies up."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.operators import Regulariser, maximum, penalty
from smoothkit_policy.exact.returns import expected_return
from smoothkit_policy.exact.transitions import Transitions

DISCOUNTS = (0.9, 0.99, 0.999, 0.9999)
"""Whose optimal policies `optimal_policy` chooses among."""

MOST_IMPROVEMENTS = 1000
"""Rounds of policy iteration, of which a dozen are enough in practice."""


def optimal_return(tables: Tables, phase: int = -1) -> float:
    """The largest mean return of an episode from `tables.start`, undiscounted, over all policies that may also know how
    many steps are left: no policy has more.

    Law: V_(h+1)(s) = max_a (r(s, a) + sum_s' P(s' | s, a) V_h(s')), by backward induction over the limit on steps.

    Raises:
        ValueError: there is no such phase.
    """
    law = Transitions.of(tables, phase)
    values = np.zeros(len(law.rewards))
    for _ in range(tables.max_episode_steps):
        values = law.backup(values).max(1)
    return float(tables.start.numpy() @ values)


def optimal_policy(tables: Tables, phase: int = -1) -> Float64[Tensor, "states actions"]:
    """A stationary policy, which acts by the state alone: an action of probability 1 in each state.

    Of the policies that are optimal without a limit on steps for the discounts .9, .99, .999 and .9999, it is the one
    with the largest undiscounted return of an episode with its limit, the first of several. A discount keeps it from
    putting off what is worth the same later; where steps are scarce, `optimal_return` may be more than it earns.

    Raises:
        ValueError: there is no such phase.
    """
    found = torch.stack([regularised_optimum(tables, "entropy", 0.0, discount, phase)[0] for discount in DISCOUNTS])
    return found[int(expected_return(tables, found, phase).argmax())]


def regularised_optimum(
    tables: Tables, regulariser: Regulariser, coef: float, gamma: float, phase: int = -1
) -> tuple[Float64[Tensor, "states actions"], Float64[Tensor, " states"]]:
    """The stationary policy with the largest discounted return, coef Omega(policy in a state) taken off each step's
    reward, and the values of states: the fixed point of value iteration with the operator `operators.maximum`.

    Law: V(s) = max_pi <pi, r(s, .) + gamma P V> - coef Omega(pi), a contraction by gamma. There is no limit on steps.
    Policy iteration finds it, which is Newton's method on this equation, up to rounding.

    Args:
        regulariser: `kl_uniform` for Omega = KL(u || pi), or `entropy` for KL(pi || u).
        coef: the term's coefficient, in units of reward; 0 for the plain optimum.
        gamma: discount of a step, below 1.
        phase: which law holds; by default the last.

    Raises:
        ValueError: `gamma` is not in [0, 1), the coefficient is negative, or there is no such phase.
    """
    if not 0 <= gamma < 1:
        raise ValueError(f"gamma is {gamma}; expected 0 or more and less than 1")
    law = Transitions.of(tables, phase)
    states, actions = law.rewards.shape
    onward = torch.from_numpy(law.going_on.toarray()).reshape(states, actions, states)
    rewards = torch.from_numpy(law.rewards)
    policy = torch.full((states, actions), 1 / actions, dtype=torch.float64)
    for _ in range(MOST_IMPROVEMENTS):
        earned = (policy * rewards).sum(1) - coef * penalty(regulariser, policy) if coef else (policy * rewards).sum(1)
        moves = torch.einsum("sa,sax->sx", policy, onward)
        values = torch.linalg.solve(torch.eye(states, dtype=torch.float64) - gamma * moves, earned)
        better, best = maximum(regulariser, rewards + gamma * onward @ values, coef)
        if (best - values).abs().amax() <= 1e-12 * (1 + coef + values.abs().amax()):
            return better, best
        policy = better
    raise RuntimeError(f"policy iteration has not settled after {MOST_IMPROVEMENTS} rounds")
