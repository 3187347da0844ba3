"""Advantage-weighted regression (Peng et al. 2019, arXiv 1910.00177): actions are labels, good ones weigh more."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit_policy.action_targets import action_targets
from smoothkit_policy.agents import Agents
from smoothkit_policy.algorithms.imitation import Lesson, Values, one_pass
from smoothkit_policy.config import AWRConfig
from smoothkit_policy.minibatches import passes
from smoothkit_policy.rollout import Batch

TINY = 1e-8
"""Keeps advantages that are all alike, or that all do not count, from being divided by 0."""


def update(agents: Agents, batch: Batch, progress: float, is_recording: bool) -> Values:
    """Imitate the actions of a rollout, the better the more; the values are those of the last minibatch."""
    options = agents.config.algorithm
    assert isinstance(options, AWRConfig)
    strengths = advantage_weights(batch.advantages, batch.weights, options.temperature, options.max_weight)
    lesson = Lesson(
        observations=batch.observations,
        targets=action_targets(agents.target, batch.actions),
        strengths=strengths,
        outputs=torch.zeros_like(batch.actions),
        returns=batch.returns,
        weights=batch.weights,
    )
    values: Values = {}
    for order in passes(agents.order_streams, options.update_epochs, options.num_minibatches, batch.weights):
        values = one_pass(agents, options, lesson, order, is_recording)
    if is_recording:
        values["target/effective_share"] = effective_share(strengths, batch.weights)
    return values


def advantage_weights(
    advantages: Float[Tensor, "members rows"],
    row_weights: Float[Tensor, "members rows"],
    temperature: float,
    max_weight: float,
) -> Float[Tensor, "members rows"]:
    """min(exp(A / temperature), max_weight), of the mean 1 over each member's rows; 0 in rows of weight 0.

    Advantages are shifted and scaled to mean 0 and deviation 1 over the member's rows first. Without the mean 1 the
    strength of a smoothed target's regulariser, alpha times the mean weight, would drift with the rewards' scale.
    """
    total = row_weights.sum(1, keepdim=True).clamp(min=TINY)
    centred = advantages - (advantages * row_weights).sum(1, keepdim=True) / total
    deviation = ((centred.square() * row_weights).sum(1, keepdim=True) / total).sqrt()
    weights = (centred / ((deviation + TINY) * temperature)).exp().clamp(max=max_weight) * row_weights
    return weights * (total / weights.sum(1, keepdim=True).clamp(min=TINY))


def effective_share(
    strengths: Float[Tensor, "members rows"], row_weights: Float[Tensor, "members rows"]
) -> Float[Tensor, " members"]:
    """Kish's effective number of rows, (sum w)^2 / sum w^2, as a share of the rows that count: 1 if all weigh the same.

    >>> round(effective_share(torch.tensor([[3.0, 1.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])).item(), 6)
    0.8
    """
    return strengths.sum(1).square() / (strengths.square().sum(1) * row_weights.sum(1))
