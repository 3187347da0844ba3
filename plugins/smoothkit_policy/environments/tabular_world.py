"""Environments with tables: all copies of all agents are stepped at once, by indexing."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from smoothkit.seeding import derived_generator
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables, longest_episode
from smoothkit_policy.environments.world import Step, World

BLOCK = 128
"""Steps for which each member draws random numbers at once."""


class TabularWorld(World):
    """Copies of an environment with tables; the next episode begins in the step that ended the last.

    Every copy is stepped together with all others, so one count of steps tells the phase of all. Members draw what
    chance decides from streams of their own: copies of one member share its stream.
    """

    def __init__(
        self, spec: Spec, tables: Tables, seeds: Sequence[int], num_envs: int, device: torch.device, purpose: str
    ):
        self.spec, self.tables, self._model = spec, tables, tables
        self.members, self.num_envs = len(seeds), num_envs
        self.device = device
        self._count = 0
        self._phases = [_Phase(tables, index, device) for index in range(len(tables.phase_steps) + 1)]
        self._start = _thresholds(tables.start[None]).to(device)
        first = tables.start.argmax()
        self._first = int(first) if float(tables.start[first]) == 1 else None
        draws = (self._first is None) + (tables.next_state.shape[-1] > 1)
        self._chance = _Chance(seeds, draws, num_envs, device, purpose) if draws else None
        self._limited = longest_episode(tables) is None
        self._never = torch.zeros(self.members, num_envs, dtype=torch.bool, device=device)
        # The step at which each copy's episode will be cut off.
        self._deadline = torch.full((self.members, num_envs), tables.max_episode_steps, device=device)

    def reset(self) -> Int64[Tensor, "members envs"]:
        """Begin: the first states of new episodes in every copy. To be called once."""
        draws = self._chance.next() if self._chance else []
        self.observations = self._first_states(draws)
        return self.observations

    def step(self, actions: Int64[Tensor, "members envs"]) -> Step:
        """Act in every copy, and begin a new episode wherever one has ended."""
        phase = self._phases[self._phase()]
        draws = self._chance.next() if self._chance else []
        index = torch.add(actions, self.observations, alpha=self.spec.num_actions)
        if phase.thresholds:
            index = phase.outcome(index, draws[-1])
        following, rewards = phase.next_state.take(index), phase.reward.take(index)
        terminated = phase.terminated.take(index)
        self._count += 1
        truncated, done, final = self._never, terminated, None
        if self._limited:
            done = self._deadline <= self._count
            # True where the first is and the second is not.
            truncated = done > terminated
            done |= terminated
            self._deadline.masked_fill_(done, self._count + self._model.max_episode_steps)
            final = following if bool(truncated.any()) else None
        self.observations = following
        if self._first is not None:
            self.observations = following.masked_fill(done, self._first)
        elif bool(done.any()):
            self.observations = torch.where(done, self._first_states(draws), following)
        return Step(self.observations, rewards, terminated, truncated, None, final)

    def state_dict(self) -> dict[str, Any]:
        """States, deadlines, the count of steps and the streams, each with the members along the first axis."""
        return {
            "states": self.observations.clone(),
            "deadline": self._deadline.clone(),
            "count": torch.full((self.members,), self._count),
            "chance": self._chance.state_dict() if self._chance else {},
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Stand where `state_dict` was called, in the middle of episodes; instead of `reset`."""
        self.observations = state["states"].to(self.device).clone()
        self._deadline = state["deadline"].to(self.device).clone()
        self._count = int(state["count"][0])
        if self._chance:
            self._chance.load_state_dict(state["chance"])

    def _phase(self) -> int:
        return sum(self._count >= after for after in self._model.phase_steps)

    def _first_states(self, draws: list[Tensor]) -> Int64[Tensor, "members envs"]:
        if self._first is not None:
            return torch.full((self.members, self.num_envs), self._first, device=self.device)
        return torch.searchsorted(self._start[0], draws[0], right=True)


class _Phase:
    """One phase's tables, flat: transition (state, action, outcome) has one index."""

    def __init__(self, tables: Tables, index: int, device: torch.device):
        self.next_state = tables.next_state[index].flatten().to(device)
        self.reward = tables.reward[index].flatten().float().to(device)
        self.terminated = tables.terminated[index].flatten().to(device)
        self.outcomes = tables.next_state.shape[-1]
        # One flat tensor for each outcome but the last; none if nothing is left to chance.
        self.thresholds = _thresholds(tables.probability[index].flatten(0, 1)).to(device).t().contiguous().unbind(0)

    def outcome(self, index: Int64[Tensor, "members envs"], draw: Float32[Tensor, "members envs"]) -> Tensor:
        """Indices of transitions, from those of states and actions and a number in [0, 1) that decides."""
        transition = index * self.outcomes
        for threshold in self.thresholds:
            transition += threshold.take(index) <= draw
        return transition


class _Chance:
    """Numbers in [0, 1) for each member's copies, a block of steps at once."""

    def __init__(self, seeds: Sequence[int], draws: int, num_envs: int, device: torch.device, purpose: str):
        self._generators = [derived_generator(seed, f"{purpose} transitions") for seed in seeds]
        self._shape = BLOCK, draws, num_envs
        self._device = device
        self._position = BLOCK

    def next(self) -> list[Float32[Tensor, "members envs"]]:
        """The numbers of one step: for its first states and for its outcomes, of those that chance decides."""
        if self._position == BLOCK:
            self._draw()
        self._position += 1
        return self._steps[self._position - 1]

    def state_dict(self) -> dict[str, Tensor]:
        """The streams as they were before this block, and how much of it is used up."""
        return {"before": self._before, "position": torch.full((len(self._generators),), self._position)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Draw the same block again."""
        for generator, before in zip(self._generators, state["before"], strict=True):
            # A copy: torch reads the state from the beginning of its storage, whatever part of that this is.
            generator.set_state(before.cpu().clone())
        self._draw()
        self._position = int(state["position"][0])

    def _draw(self) -> None:
        self._before = torch.stack([generator.get_state() for generator in self._generators])
        drawn = torch.stack([torch.rand(self._shape, generator=each) for each in self._generators], dim=2)
        self._steps = [list(step.unbind(0)) for step in drawn.to(self._device).unbind(0)]
        self._position = 0


def _thresholds(probability: Tensor) -> Float32[Tensor, "rows thresholds"]:
    """Outcome k is taken by a draw in [threshold k-1, threshold k); at or above the last outcome of some probability
    they are 2, so that rounding never takes one of none."""
    later = probability.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    return probability.cumsum(-1)[..., :-1].masked_fill(later <= 0, 2.0).float()
