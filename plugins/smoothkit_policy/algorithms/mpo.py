"""Maximum a posteriori policy optimisation (Abdolmaleki et al. 2018, arXiv 1806.06920), for discrete actions."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit_policy.action_targets import action_targets
from smoothkit_policy.agents import Agents
from smoothkit_policy.algorithms.imitation import Lesson, Values, one_pass
from smoothkit_policy.config import MPOConfig
from smoothkit_policy.minibatches import passes
from smoothkit_policy.rollout import Batch

Rows = Float[Tensor, "members rows"]
PerAction = Float[Tensor, "members rows actions"]

ROUNDS = 24
"""Of the root find: Newton's steps are quadratic, and where one leaves the bracket, halving it 24 times will do."""
NEAR = 16
"""Rounding errors that the divergence may be off by, relative to itself."""
DECADES = 1e6
"""How far, to either side of one over the spread of the values, the inverse temperature is looked for."""


def update(agents: Agents, batch: Batch, progress: float, is_recording: bool) -> Values:
    """Imitate the improvement of the policy that acted; the values are those of the last minibatch.

    What is imitated is computed anew before each pass: in the first one the critic learns what this rollout says of the
    actions taken, and an improvement by the critic of before would drift with its errors.
    """
    options = agents.config.algorithm
    assert isinstance(options, MPOConfig)
    values: Values = {}
    for order in passes(agents.order_streams, options.update_epochs, options.num_minibatches, batch.weights):
        action_values = agents.network.values(batch.observations)
        temperature = best_temperature(batch.log_probs, action_values, batch.weights, options.improvement_kl)
        log_q = improved(batch.log_probs, action_values, temperature)
        lesson = Lesson(
            observations=batch.observations,
            targets=action_targets(agents.target, log_q.exp()),
            strengths=batch.weights,
            outputs=batch.actions,
            returns=batch.returns,
            weights=batch.weights,
        )
        values = one_pass(agents, options, lesson, order, is_recording)
        if is_recording:
            values["target/temperature"] = temperature
            values["target/improvement_kl"] = divergence(log_q, batch.log_probs, batch.weights)
    return values


def improved(log_probs: PerAction, action_values: PerAction, temperature: Float[Tensor, " members"]) -> PerAction:
    """The logarithm of q, proportional to pi exp(Q / temperature), in each row."""
    # Differences alone matter, and next to the temperature 0 nothing else would be left of the digits.
    behind = action_values - action_values.amax(-1, keepdim=True)
    return (log_probs + behind / temperature.view(-1, 1, 1)).log_softmax(-1)


def divergence(log_q: PerAction, log_probs: PerAction, row_weights: Rows) -> Float[Tensor, " members"]:
    """KL(q || pi) in nats, the mean over each member's rows."""
    rows = (log_q.exp() * (log_q - log_probs)).sum(-1)
    return (rows * row_weights).sum(1) / row_weights.sum(1)


def best_temperature(
    log_probs: PerAction, action_values: PerAction, row_weights: Rows, improvement_kl: float
) -> Float[Tensor, " members"]:
    """The temperature at which KL(q || pi) is `improvement_kl` on average over each member's rows.

    It minimises the dual T kl + T E log sum_a pi exp(Q / T), whose derivative is kl - KL(q || pi). The divergence rises
    with 1 / T, so its root is found inside a bracket by Newton's method on logarithms of both. Where even the greedy
    policy is nearer than `improvement_kl`, the temperature is next to 0, and q greedy; where all actions of every state
    are worth the same, q is pi at any temperature.
    """
    centred = action_values - (log_probs.exp() * action_values).sum(-1, keepdim=True)
    counted = centred * (row_weights > 0).unsqueeze(-1)
    spread = (counted.amax(-1) - counted.amin(-1)).amax(1)
    middle = -torch.where(spread > 0, spread, 1).log()
    low, high = middle - math.log(DECADES), middle + math.log(DECADES)
    wanted = math.log(improvement_kl)
    is_greedy = ~(_log_divergence(log_probs, centred, row_weights, high)[0] > wanted)
    place = torch.where(is_greedy, high, middle)
    for _ in range(ROUNDS):
        value, slope = _log_divergence(log_probs, centred, row_weights, place)
        # A member that is there stays there, so that its temperature does not depend on those beside it.
        is_there = is_greedy | ((value - wanted).abs() < NEAR * torch.finfo(value.dtype).eps)
        if bool(is_there.all()):
            break
        is_above = value > wanted
        low, high = torch.where(is_above, low, place), torch.where(is_above, place, high)
        stepped = place - (value - wanted) / slope
        inside = torch.where((stepped > low) & (stepped < high), stepped, (low + high) / 2)
        place = torch.where(is_there, place, inside)
    return (-place).exp()


def _log_divergence(
    log_probs: PerAction, centred: PerAction, row_weights: Rows, log_beta: Float[Tensor, " members"]
) -> tuple[Float[Tensor, " members"], Float[Tensor, " members"]]:
    """log KL(q || pi) and its derivative by log beta, where q is proportional to pi exp(beta Q)."""
    beta = log_beta.exp()
    raised = log_probs + beta.view(-1, 1, 1) * centred
    normaliser = raised.logsumexp(-1)
    q = (raised - normaliser.unsqueeze(-1)).exp()
    mean = (q * centred).sum(-1)
    spread = (q * (centred - mean.unsqueeze(-1)).square()).sum(-1)
    total = row_weights.sum(1)
    kl = ((beta.unsqueeze(1) * mean - normaliser) * row_weights).sum(1) / total
    rise = beta.square() * (spread * row_weights).sum(1) / total
    return kl.log(), rise / kl
