"""The training loop: all environments of all agents take a step, and after some of them the agents learn."""

from importlib import import_module

import torch

from smoothkit.errors import TrainingError
from smoothkit.runs import Runs
from smoothkit_policy.agents import Agents
from smoothkit_policy.config import BCConfig, PolicyConfig
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.progress import record_progress
from smoothkit_policy.records import record, training_values
from smoothkit_policy.trained import Trained


@torch.inference_mode()
def train(config: PolicyConfig, runs: Runs) -> list[Trained]:
    """Train an agent for each run, all of them as one program.

    A step of a run is one step of all copies of its environment; records count timesteps, which are as many times more.

    Raises:
        UserError: what the file asks for does not fit together.
        TrainingError: an environment or a network failed; the last good checkpoint is kept.
    """
    # Set up for every process: which algorithm it is decides what is imported.
    algorithm = import_module(f"smoothkit_policy.algorithms.{config.algorithm.name}")
    if isinstance(config.algorithm, BCConfig):
        return algorithm.train(config, runs)
    agents = Agents(config, runs)
    copies, length = config.environment.num_envs, config.algorithm.num_steps
    total = number_of_steps(config)
    if (sentence := about_phases(agents.world.tables, total)) is not None:
        runs.first.note(sentence)
    try:
        for step in runs.steps(total):
            place = (step - 1) % length
            # What acts and what learns is at the same share of the training.
            progress = (step - 1 - place) / total
            if place in (0, length - 1):
                agents.set_progress(progress)
            agents.act(place)
            if place < length - 1:
                continue
            is_recording = is_due(step, length, config.run.log_every) or step == total
            batch = agents.gathered()
            losses = algorithm.update(agents, batch, progress, is_recording)
            agents.exploration.adapt(batch.log_probs, batch.weights)
            check_weights(agents, step)
            if is_recording:
                record(agents, step * copies, training_values(agents, batch, losses))
            if is_due(step, length, max(1, config.evaluate.every // copies)) or step == total:
                record_progress(runs.configs, runs, step * copies, agents.trained())
    finally:
        agents.world.close()
    return agents.trained()


def number_of_steps(config: PolicyConfig) -> int:
    """Steps of each copy of the environment: as many whole rollouts as there are timesteps for."""
    assert not isinstance(config.algorithm, BCConfig)
    length = config.algorithm.num_steps
    return config.train.total_timesteps // (config.environment.num_envs * length) * length


def about_phases(tables: Tables | None, total: int) -> str | None:
    """What is to be said where the law of the environment changes after training has ended."""
    if tables is None or not tables.phase_steps or total > tables.phase_steps[-1]:
        return None
    return (
        f"the environment changes after {tables.phase_steps[-1]} steps of each copy, and training has {total}: the "
        "policy is judged by a law that it has never met"
    )


def is_due(step: int, since: int, every: int) -> bool:
    """Whether a multiple of `every` lies in the last `since` steps."""
    return step // every > (step - since) // every


def check_weights(agents: Agents, step: int) -> None:
    """Stop before a checkpoint could keep weights that are not finite.

    Raises:
        TrainingError: those of some agent are not.
    """
    if bool(torch.isfinite(agents.network.flat.sum())):
        return
    first = next(
        run
        for index, run in enumerate(agents.runs)
        if not all(bool(weight[index].isfinite().all()) for weight in agents.network.parameters())
    )
    raise TrainingError(
        f"{first.info.variant}, seed {first.seed}: the weights are not finite after step {step}; lower train.lr, set "
        "train.max_grad_norm, or scale the rewards by environment.normalize_rewards"
    )
