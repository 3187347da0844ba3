"""Who is imitated: the optimal policy of an environment with tables, or the policy of a finished run."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

from smoothkit.checkpoint import load_checkpoint
from smoothkit.errors import UserError, nearest
from smoothkit.files import CONFIG, RESULT
from smoothkit_policy.config import EnvironmentConfig, MPOConfig, PolicyConfig
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.optimum import optimal_policy
from smoothkit_policy.networks.build import build_network
from smoothkit_policy.policy import Policy
from smoothkit_policy.sight import Sight

Expert = Callable[[Shaped[Tensor, "rows ..."]], Float64[Tensor, "rows actions"]]
"""What an expert does: the probabilities of actions, given observations as the environment gives them."""

SAME = ("id", "options", "wrappers")
"""What must be the same in the environments of an expert and of his imitator."""


def find_expert(
    name: str, noise: float, environment: EnvironmentConfig, spec: Spec, tables: Tables | None, seed: int
) -> Expert:
    """The expert called `name`, who acts greedily, and at random with the probability `noise`.

    `optimal` is the optimal policy of the last phase. Anything else is the folder of a finished run, in which
    `{seed}` stands for the seed of the run that imitates.

    Raises:
        UserError: there are no tables, or no finished run of this scenario in the same environment.
    """
    if name == "optimal":
        if tables is None:
            raise UserError(
                f"algorithm.expert: is 'optimal', and {spec.id} tells no tables of its transitions; name the folder of "
                "a finished run that learned to act in it (DIR/VARIANT/seed-N)"
            )
        table = optimal_policy(tables)
        return lambda states: at_random(table[states.cpu()], noise)
    policy = load_policy(Path(name.replace("{seed}", str(seed))), environment, spec)
    return lambda observations: at_random(greedy(policy.log_probs(observations.cpu())), noise)


def at_random(probs: Float64[Tensor, "rows actions"], noise: float) -> Float64[Tensor, "rows actions"]:
    """(1 - noise) of the policy and noise of the uniform one."""
    return (1 - noise) * probs + noise / probs.shape[1]


def greedy(log_probs: Shaped[Tensor, "rows actions"]) -> Float64[Tensor, "rows actions"]:
    """Probability 1 for the likeliest action, the first of several."""
    return torch.nn.functional.one_hot(log_probs.argmax(1), log_probs.shape[1]).double()


def load_policy(directory: Path, environment: EnvironmentConfig, spec: Spec) -> Policy:
    """The policy of the finished run in `directory`, on the CPU.

    Raises:
        UserError: there is no such run, or it acted in another environment.
    """
    config = _config_of(directory)
    for option in SAME:
        theirs, ours = getattr(config.environment, option), getattr(environment, option)
        if theirs != ours:
            raise UserError(
                f"algorithm.expert: {directory} has environment.{option} = {theirs!r}, and this run {ours!r}; name a "
                "run in the same environment"
            )
    saved, cpu = load_checkpoint(directory), torch.device("cpu")
    if saved is None or "network" not in saved["tracked"]:
        raise UserError(f"algorithm.expert: {directory} has kept no checkpoint with a network; train it anew")
    critics = spec.num_actions if isinstance(config.algorithm, MPOConfig) else 1
    network = build_network(config.network, spec, [torch.Generator()], critics, cpu)
    network.load_state_dict(saved["tracked"]["network"])
    sight = Sight.of(config.environment, config.network, spec, 1, cpu)
    sight.load_state_dict(saved["tracked"]["sight"])
    return Policy(network, sight, spec)


def _config_of(directory: Path) -> PolicyConfig:
    """The configuration of the finished run in `directory`."""
    if not (directory / CONFIG).exists():
        beside = [str(path.parent) for path in directory.parent.parent.glob("*/seed-*/" + CONFIG)]
        hint = f"; {nearest(str(directory), beside)}" if beside else ""
        raise UserError(
            f"algorithm.expert: {str(directory)!r} is neither 'optimal' nor the folder of a run "
            f"(DIR/VARIANT/seed-N){hint}"
        )
    written = tomllib.loads((directory / CONFIG).read_text(encoding="utf-8"))
    if written["scenario"] != "policy":
        raise UserError(
            f"algorithm.expert: {directory} is a run of {written['scenario']!r}, which trains no policy; name one of "
            "'policy'"
        )
    if not (directory / RESULT).exists():
        raise UserError(f"algorithm.expert: {directory} has not finished; `smoothkit resume` goes on with it")
    return PolicyConfig.model_validate(written)
