"""What is recorded during training, under the names that users of CleanRL or of Stable-Baselines3 know."""

from collections.abc import Mapping
from math import isfinite, log

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit_policy.agents import Agents
from smoothkit_policy.quantities import COLLAPSED
from smoothkit_policy.rollout import Batch

PerMember = Float[Tensor, " members"]

SB3 = {
    "charts/episodic_return": "rollout/ep_rew_mean",
    "charts/episodic_length": "rollout/ep_len_mean",
    "charts/learning_rate": "train/learning_rate",
    "losses/policy_loss": "train/policy_gradient_loss",
    "losses/value_loss": "train/value_loss",
    "losses/approx_kl": "train/approx_kl",
    "losses/clipfrac": "train/clip_fraction",
    "losses/explained_variance": "train/explained_variance",
}
"""Names of Stable-Baselines3 where it has one; its `train/entropy_loss`, the entropy's negative, is added."""

RARE = 0.01
"""The quantile of smallest probabilities that is recorded: a minimum over many rows would be that of one."""


def training_values(agents: Agents, batch: Batch, losses: Mapping[str, PerMember]) -> dict[str, PerMember]:
    """Everything that is known of an update, one number for each member; NaN where nothing is."""
    returns, lengths = agents.episodes.means()
    share = batch.weights / batch.weights.sum(1, keepdim=True).clamp(min=1)
    values = {
        "charts/episodic_return": returns,
        "charts/episodic_length": lengths,
        "charts/learning_rate": torch.full_like(returns, agents.optimiser.lr),
        **losses,
        "losses/explained_variance": explained_variance(batch),
        **policy_values(agents, batch, share),
        "rollout/invalid_fraction": 1 - batch.weights.mean(1),
    }
    if agents.visits is not None:
        values["explore/state_coverage"] = (agents.visits > 0).double().mean(1)
    return values


def policy_values(agents: Agents, batch: Batch, share: Float[Tensor, "members rows"]) -> dict[str, PerMember]:
    """How open the policy is that acted, over the states of the rollout."""
    entropy = -(batch.log_probs.exp() * batch.log_probs).sum(2)
    most = log(batch.log_probs.shape[2])
    # Rows that do not count come last.
    least = batch.log_probs.amin(2).masked_fill(batch.weights == 0, torch.inf).sort(1).values
    place = (RARE * (batch.weights.sum(1) - 1).clamp(min=0)).long()
    return {
        "losses/entropy": (entropy * share).sum(1),
        "policy/entropy": (entropy * share).sum(1),
        "policy/entropy_norm": (entropy * share).sum(1) / most,
        "policy/kl_uniform": ((-batch.log_probs.mean(2) - most) * share).sum(1),
        "policy/min_prob_p01": least.gather(1, place.unsqueeze(1)).squeeze(1).exp(),
        "policy/collapsed_fraction": ((entropy < COLLAPSED * most) * share).sum(1),
        "policy/exploration_coef": agents.exploration.coef,
    }


def explained_variance(batch: Batch) -> PerMember:
    """The share of the variance of returns that the critic foresaw; NaN where returns do not vary."""
    number = batch.weights.sum(1, keepdim=True).clamp(min=1)

    def variance(values: Float[Tensor, "members rows"]) -> PerMember:
        centred = values - (values * batch.weights).sum(1, keepdim=True) / number
        return (centred.square() * batch.weights).sum(1) / number.squeeze(1)

    of_returns = variance(batch.returns)
    unexplained = variance(batch.returns - batch.values) / of_returns
    return torch.where(of_returns > 0, 1 - unexplained, torch.nan)


def record(agents: Agents, timesteps: int, values: Mapping[str, PerMember]) -> None:
    """Keep what is finite, in the records of each run."""
    if agents.config.evaluate.tags == "sb3":
        values = {SB3.get(name, name): value for name, value in values.items()}
        values["train/entropy_loss"] = -values.pop("losses/entropy")
        # There it is the mean squared error, without the half.
        values["train/value_loss"] = 2 * values["train/value_loss"]
    names = list(values)
    table = torch.stack([value.double().cpu() for value in values.values()]).T.tolist()
    for run, row in zip(agents.runs, table, strict=True):
        run.record(timesteps, "", {name: value for name, value in zip(names, row, strict=True) if isfinite(value)})
