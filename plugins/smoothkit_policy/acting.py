"""Episodes of a trained policy, where no tables tell what it returns."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float64, Int64
from torch import Generator, Tensor

from smoothkit.seeding import derived_generator
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.desmoothing import desmoothed
from smoothkit_policy.environments.make import make_world
from smoothkit_policy.environments.world import World
from smoothkit_policy.policy import Policy

Manner = Literal["greedy", "sampled", "desmoothed"]
"""How a policy is acted by: its most probable action, a draw from it, or a draw from what is left of it without the
share of the uniform distribution that its target mixed in."""

MANNERS: tuple[Manner, ...] = get_args(Manner)

MOST_COPIES = 128
"""Environments side by side, at most."""


def acted(
    policy: Float64[Tensor, "*batch actions"], manner: Manner, smoothing: float | Float64[Tensor, "*#batch 1"]
) -> Float64[Tensor, "*batch actions"]:
    """The probabilities with which actions are taken; of equally probable actions a greedy policy takes the first."""
    if manner == "greedy":
        return torch.nn.functional.one_hot(policy.argmax(-1), policy.shape[-1]).to(policy.dtype)
    return policy if manner == "sampled" else desmoothed(policy, smoothing)


@dataclass(frozen=True, eq=False)
class Played:
    """What came of episodes."""

    returns: Float64[Tensor, " episodes"]
    """Undiscounted, in the environment's units."""
    policy: Float64[Tensor, "rows actions"]
    """The policy itself, in every state in which it acted."""


@dataclass(frozen=True)
class Stage:
    """Where episodes are played: the environment, and what the random numbers of a play depend on."""

    environment: EnvironmentConfig
    seed: int
    purpose: str
    """Names the streams of random numbers: those of the environments, and those that actions are drawn from."""
    device: torch.device

    def play(self, policy: Policy, manner: Manner, smoothing: float, episodes: int) -> Played:
        """So many episodes, side by side. Every play begins them alike, whatever the policy and the manner.

        Each environment plays a number of episodes that is fixed beforehand: taking those that end first would favour
        short ones.

        Raises:
            TrainingError: an environment raised an error, or returned what is no observation or no finite reward.
        """
        copies = min(episodes, MOST_COPIES)
        if self.environment.mode == "async":
            # Each copy is a process.
            copies = min(copies, self.environment.num_envs)
        quota = torch.full((copies,), episodes // copies)
        quota[: episodes % copies] += 1
        world = make_world(self.environment, [self.seed], self.device, self.purpose, copies)
        try:
            source = derived_generator(self.seed, f"{self.purpose} actions")
            return _play(world, policy, manner, smoothing, quota, source)
        finally:
            world.close()


def _play(
    world: World, policy: Policy, manner: Manner, smoothing: float, quota: Int64[Tensor, " copies"], source: Generator
) -> Played:
    observations = world.reset()
    earned, returns, rows = torch.zeros(len(quota), dtype=torch.float64), [], []
    while bool((counted := quota > 0).any()):
        chances = policy.log_probs(observations[0]).double().softmax(-1).cpu()
        actions = drawn(acted(chances, manner, smoothing), source)
        step = world.step(actions.to(observations.device)[None])
        if step.valid is not None:
            counted &= step.valid[0].cpu()
        rows.append(chances[counted])
        earned += step.rewards[0].cpu().double()
        done = (step.terminated | step.truncated)[0].cpu()
        returns.append(earned[done & counted])
        earned[done] = 0.0
        quota = quota - (done & counted).long()
        observations = step.observations
    return Played(torch.cat(returns), torch.cat(rows))


def drawn(chances: Float64[Tensor, "rows actions"], source: Generator) -> Int64[Tensor, " rows"]:
    """An action for each row, with these chances; one that has none is never drawn."""
    # The first of independent exponential clocks with these rates to ring is each with its own chance.
    clocks = torch.empty_like(chances).exponential_(generator=source)
    return (chances / clocks).argmax(-1)
