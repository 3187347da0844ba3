"""A policy as a matrix: what it does in each state."""

from jaxtyping import Float64
from torch import Tensor

from smoothkit.report.figures import MatrixFigure
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.occupancy import reachable_states

MOST_STATES = 64
"""Of more reachable states there is no picture: nobody could read it."""

PLACES = 4
"""Decimals of a probability."""


def policy_figure(tables: Tables, policy: Float64[Tensor, "states actions"]) -> MatrixFigure | None:
    """The probability of each action in each state that can be reached; None if these are more than 64."""
    states = reachable_states(tables).nonzero().squeeze(1).tolist()
    if len(states) > MOST_STATES:
        return None
    return MatrixFigure(
        title="Probability of each action",
        values=tuple(tuple(round(chance, PLACES) for chance in policy[state].tolist()) for state in states),
        rows=tuple(str(state) for state in states),
        columns=tuple(str(action) for action in range(policy.shape[1])),
        row_label="state",
        column_label="action",
    )
