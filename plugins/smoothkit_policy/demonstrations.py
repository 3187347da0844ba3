"""What an expert shows: what he saw, and what he did."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64, Shaped
from torch import Tensor

from smoothkit.seeding import derived_generator
from smoothkit_policy.config import BCConfig, EnvironmentConfig
from smoothkit_policy.environments.make import make_world
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.environments.world import World
from smoothkit_policy.experts import Expert, find_expert

PURPOSE = "demonstrations"
"""What random numbers are derived for: nothing else draws from these streams."""


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Rows are the steps of all episodes."""

    observations: Shaped[Tensor, "rows ..."]
    """As the environment gives them."""
    actions: Int64[Tensor, " rows"]
    returns: Float64[Tensor, " episodes"]
    """Of the expert, undiscounted."""


def demonstrate(
    options: BCConfig, environment: EnvironmentConfig, spec: Spec, tables: Tables | None, seed: int
) -> Demonstrations:
    """Episodes of the expert that `[algorithm]` names; the same for the same seed, whoever else is trained.

    With tables they are those of the last phase.

    Raises:
        UserError: there is no such expert.
    """
    expert = find_expert(options.expert, options.expert_noise, environment, spec, tables, seed)
    generator = derived_generator(seed, PURPOSE)
    if tables is not None:
        policy = expert(torch.arange(tables.num_states))
        return in_tables(tables, policy, options.episodes, generator)
    copies = min(options.episodes, environment.num_envs)
    world = make_world(environment, [seed], torch.device("cpu"), PURPOSE, copies)
    try:
        return in_world(world, expert, options.episodes, generator)
    finally:
        world.close()


def in_tables(
    tables: Tables,
    policy: Float64[Tensor, "states actions"],
    episodes: int,
    generator: torch.Generator,
    phase: int = -1,
) -> Demonstrations:
    """Episodes of a policy in an environment that is known, all side by side."""
    states = drawn(tables.start.expand(episodes, -1), generator)
    going = torch.ones(episodes, dtype=torch.bool)
    returns = torch.zeros(episodes, dtype=torch.float64)
    seen, done, valid = [], [], []
    for _ in range(tables.max_episode_steps):
        actions = drawn(policy[states], generator)
        outcomes = drawn(tables.probability[phase, states, actions], generator)
        seen.append(states)
        done.append(actions)
        valid.append(going)
        place = (phase, states, actions, outcomes)
        returns = returns + tables.reward[place] * going
        going = going & ~tables.terminated[place]
        states = tables.next_state[place]
        if not going.any():
            break
    return _by_episode(seen, done, valid, returns)


def in_world(world: World, expert: Expert, episodes: int, generator: torch.Generator) -> Demonstrations:
    """Episodes of an expert in a world of one member; of each copy of the environment about equally many.

    How many each copy shows is settled before it begins, as the first episodes to end would be the short ones.
    """
    left = torch.tensor([len(range(copy, episodes, world.num_envs)) for copy in range(world.num_envs)])
    number = torch.arange(world.num_envs)
    returns = torch.zeros(episodes, dtype=torch.float64)
    now = world.reset()
    seen, done, valid = [], [], []
    while bool((left > 0).any()):
        actions = drawn(expert(now[0]), generator)
        step = world.step(actions.unsqueeze(0).to(now.device))
        counts = left > 0
        if step.valid is not None:
            counts = counts & step.valid[0].cpu()
        seen.append(now[0].cpu().clone())
        done.append(actions)
        valid.append(counts)
        returns.index_add_(0, number[counts], step.rewards[0].cpu().double()[counts])
        ended = counts & (step.terminated | step.truncated)[0].cpu()
        left, number = left - ended.long(), number + world.num_envs * ended.long()
        now = step.observations
    return _by_episode(seen, done, valid, returns)


def drawn(probs: Float64[Tensor, "rows outcomes"], generator: torch.Generator) -> Int64[Tensor, " rows"]:
    """An index for each row, drawn by its probabilities: how often the running sum is at or below a uniform number."""
    uniform = torch.rand(len(probs), 1, generator=generator, dtype=torch.float64)
    sums = probs.cumsum(1)
    # Measured against the row's own total, so that rounding never leads to an outcome of probability 0 at the end.
    return (sums <= uniform * sums[:, -1:]).sum(1)


def _by_episode(
    seen: list[Tensor], done: list[Tensor], valid: list[Tensor], returns: Float64[Tensor, " episodes"]
) -> Demonstrations:
    """Rows in the order of the copies, each from its first step on; those that do not count are left out."""
    kept = torch.stack(valid, 1)
    return Demonstrations(torch.stack(seen, 1)[kept], torch.stack(done, 1)[kept], returns)
