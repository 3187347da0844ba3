"""The exact model of an environment with few states: every transition, its probability and its reward."""

from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

Outcome = tuple[Any, Any, Any, Any]
"""Probability, next state, reward and whether the episode ends, as gymnasium's tables list them."""


@dataclass(frozen=True, eq=False)
class Tables:
    """What an action in a state may lead to. Outcomes that do not exist have the probability 0."""

    next_state: Int64[Tensor, "phases states actions outcomes"]
    """Where it leads; of no meaning where the episode ends."""
    probability: Float64[Tensor, "phases states actions outcomes"]
    """Of this outcome: sums to 1 over the last axis."""
    reward: Float64[Tensor, "phases states actions outcomes"]
    """Its reward."""
    terminated: Bool[Tensor, "phases states actions outcomes"]
    """Whether it ends the episode."""
    start: Float64[Tensor, " states"]
    """Probability of each state at the beginning of an episode."""
    phase_steps: tuple[int, ...]
    """Steps of one copy, over all of its episodes, after which the next phase begins: one fewer than phases."""
    max_episode_steps: int
    """Steps after which an episode is truncated."""

    def __post_init__(self):
        phases, states = self.next_state.shape[:2]
        totals = self.probability.sum(-1)
        if not bool(((totals - 1).abs() < 1e-6).all()) or bool((self.probability < 0).any()):
            worst = torch.unravel_index((totals - 1).abs().argmax(), totals.shape)
            phase, state, action = (int(index) for index in worst)
            raise ValueError(f"the outcomes of action {action} in state {state} (phase {phase}) are no distribution")
        if self.start.shape != (states,) or abs(float(self.start.sum()) - 1) > 1e-6:
            raise ValueError(f"the first states must be a distribution over {states} states")
        if list(self.phase_steps) != sorted(set(self.phase_steps)) or len(self.phase_steps) != phases - 1:
            raise ValueError(f"phase_steps is {self.phase_steps}; {phases} phases need {phases - 1} growing numbers")

    @property
    def num_states(self) -> int:
        """Number of states."""
        return self.next_state.shape[1]

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self.next_state.shape[2]


def tables_of(env: gymnasium.Env[Any, Any], max_episode_steps: int) -> Tables | None:
    """The tables of an environment that tells them: gymnasium's toy texts (`P`), and those of this package.

    Where all episodes end by themselves before the limit, `max_episode_steps` is the length of the longest. None for
    every other environment, and where a wrapper might change observations or rewards.
    """
    from smoothkit_policy.environments.exact.tabular_env import TabularEnv

    layer = env
    while isinstance(layer, gymnasium.Wrapper):
        if type(layer) not in (OrderEnforcing, PassiveEnvChecker, TimeLimit):
            return None
        layer = layer.env
    if isinstance(layer, TabularEnv):
        tables = layer.tables(max_episode_steps)
    # A fickle passenger of Taxi changes his mind outside of the tables.
    elif {"P", "initial_state_distrib"} <= vars(layer).keys() and not getattr(layer, "fickle_passenger", False):
        tables = from_outcomes(vars(layer)["P"], vars(layer)["initial_state_distrib"], max_episode_steps)
    else:
        return None
    longest = longest_episode(tables)
    return tables if longest is None else replace(tables, max_episode_steps=longest)


def longest_episode(tables: Tables) -> int | None:
    """Steps after which every episode has ended by itself, whatever was done; None if the time limit may come first."""
    goes_on = (tables.probability > 0) & ~tables.terminated
    edges = torch.zeros(tables.num_states, tables.num_states, dtype=torch.bool)
    edges[goes_on.nonzero()[:, 1], tables.next_state[goes_on]] = True
    alive = tables.start > 0
    for step in range(1, tables.max_episode_steps + 1):
        reached = edges[alive].any(0)
        if not bool(reached.any()):
            return step
        if torch.equal(reached, alive):
            return None
        alive = reached
    return None


def from_outcomes(outcomes: dict[int, dict[int, list[Outcome]]], start: np.ndarray, max_episode_steps: int) -> Tables:
    """Tables of one phase from gymnasium's nested form, `outcomes[state][action]`."""
    shape = len(outcomes), len(outcomes[0]), max(len(each) for row in outcomes.values() for each in row.values())
    next_state, probability = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    reward, terminated = np.zeros(shape), np.zeros(shape, dtype=bool)
    for state, row in outcomes.items():
        for action, listed in row.items():
            for k, (p, following, gain, ends) in enumerate(listed):
                next_state[state, action, k], probability[state, action, k] = following, p
                reward[state, action, k], terminated[state, action, k] = gain, ends
    return Tables(
        next_state=torch.from_numpy(next_state)[None],
        probability=torch.from_numpy(probability)[None],
        reward=torch.from_numpy(reward)[None],
        terminated=torch.from_numpy(terminated)[None],
        start=torch.from_numpy(np.asarray(start, dtype=np.float64).copy()),
        phase_steps=(),
        max_episode_steps=max_episode_steps,
    )
