"""Proximal policy optimisation (Schulman et al. 2017), with the details of its reference implementation."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from smoothkit.schedules import value_at
from smoothkit_policy.agents import Agents
from smoothkit_policy.config import A2CConfig, PPOConfig
from smoothkit_policy.log_probs import log_probs_of
from smoothkit_policy.minibatches import Pass, passes
from smoothkit_policy.rollout import Batch

TINY = 1e-8

Rows = Float32[Tensor, "members rows"]
PerAction = Float32[Tensor, "members rows actions"]
Values = dict[str, Float32[Tensor, " members"]]


@dataclass(frozen=True, eq=False)
class Minibatch:
    """Rows of a rollout, with all that does not change while the policy learns from them."""

    observations: Shaped[Tensor, "members rows ..."]
    actions: Int64[Tensor, "members rows 1"]
    before: Rows
    """The log-probability of the action, of what acted."""
    advantages: Rows
    side: Rows
    """The sign of the advantage."""
    returns: Rows
    low: Rows
    """The critic's value before, less the clipping range."""
    high: Rows
    share: Rows
    """Of the row in a mean over those that count; 0 for the others."""


def update(agents: Agents, batch: Batch, progress: float, is_recording: bool) -> Values:
    """Pass over a rollout several times, in minibatches; the values are those of the last one."""
    options = agents.config.algorithm
    assert isinstance(options, PPOConfig)
    clip = value_at(options.clip_coef, progress)
    before = of_actions(agents, batch)
    values: Values = {}
    last = options.update_epochs - 1
    orders = passes(agents.order_streams, options.update_epochs, options.num_minibatches, batch.weights)
    for turn, order in enumerate(orders):
        *others, final = minibatches(agents, batch, before, order, clip)
        for rows in others:
            step(agents, options, rows, clip, is_recording=False)
        # Only the values of the last minibatch are kept, or those that a pass is the last one by.
        is_wanted = options.target_kl is not None or (is_recording and turn == last)
        values, divergence = step(agents, options, final, clip, is_recording=is_wanted)
        if options.target_kl is not None and divergence is not None and divergence.max() > options.target_kl:
            break
    return values


def of_actions(agents: Agents, batch: Batch) -> Rows:
    """The log-probabilities of the actions taken, of what acted."""
    return agents.exploration.behaviour(batch.log_probs).gather(2, batch.actions.unsqueeze(2)).squeeze(2)


def minibatches(agents: Agents, batch: Batch, before: Rows, order: Pass, clip: float = 0.0) -> list[Minibatch]:
    """The minibatches of a pass."""
    options = agents.config.algorithm
    assert isinstance(options, PPOConfig | A2CConfig)
    weights, advantages, values = order.weights, order.split(batch.advantages), order.split(batch.values)
    share = weights / weights.sum(2, keepdim=True).clamp(min=1)
    if options.norm_adv:
        advantages = normalised(advantages, weights)
    found = {
        "observations": order.split(batch.observations),
        "actions": order.split(batch.actions).unsqueeze(3),
        "before": order.split(before),
        "advantages": advantages,
        "side": advantages.sign(),
        "returns": order.split(batch.returns),
        "low": values - clip,
        "high": values + clip,
        "share": share,
    }
    apart = {name: each.unbind(1) for name, each in found.items()}
    return [Minibatch(**{name: each[part] for name, each in apart.items()}) for part in range(weights.shape[1])]


def step(
    agents: Agents, options: PPOConfig, rows: Minibatch, clip: float, is_recording: bool
) -> tuple[Values, Float32[Tensor, " members"] | None]:
    """One step of the optimiser; if they are to be recorded its values, and the divergence from the policy that acted.

    Every row's gradient is a closed form: that of the policy's loss, the clipped surrogate, is A ratio (pi - e_a) where
    the ratio is not clipped, and 0 elsewhere.
    """
    exploration = agents.exploration
    logits, said = agents.network(rows.observations)
    log_probs = log_probs_of(logits)
    probs = log_probs.exp()
    acting = exploration.behaviour(log_probs).gather(2, rows.actions).squeeze(2)
    ratio = (acting - rows.before).exp_()
    # The smaller of both surrogates is the clipped one where the ratio has gone too far the way that A asks for.
    weights = (rows.advantages * ratio).masked_fill_((ratio - 1).mul_(rows.side) > clip, 0.0)
    d_logits, clipped_targets = policy_gradient(agents, rows, log_probs, probs, weights, acting)
    exploration.add_gradient(d_logits, log_probs, rows.share, probs)
    values = said.squeeze(2)
    d_values = value_gradient(values, rows, options)
    agents.network.backward(d_logits, d_values.unsqueeze(2))
    agents.optimiser.step()
    if not is_recording:
        return {}, None
    log_ratio = acting - rows.before
    divergence = ((ratio - 1 - log_ratio) * rows.share).sum(1)
    bounded = ratio.clamp(1 - clip, 1 + clip)
    found = {
        "losses/policy_loss": -(torch.minimum(rows.advantages * ratio, rows.advantages * bounded) * rows.share).sum(1),
        "losses/value_loss": 0.5 * ((values - rows.returns).square() * rows.share).sum(1),
        "losses/exploration_loss": (exploration.penalty(log_probs) * rows.share).sum(1) * exploration.coef,
        "losses/approx_kl": divergence,
        "losses/old_approx_kl": -(log_ratio * rows.share).sum(1),
        "losses/clipfrac": (((ratio - 1).abs() > clip) * rows.share).sum(1),
    }
    if clipped_targets is not None:
        found["target/clipped_fraction"] = (clipped_targets * rows.share).sum(1)
    return found, divergence


def policy_gradient(
    agents: Agents, rows: Minibatch, log_probs: PerAction, probs: PerAction, weights: Rows, acting: Rows
) -> tuple[PerAction, Rows | None]:
    """The gradient of the policy's loss in each row, where `weights` are what -log pi_a is weighed by; of improved
    targets also where these had to be cut.

    An improved target is made of the policy as it is now. One that stood for several passes would hold the policy to
    that which acted, which is a method of its own.
    """
    exploration = agents.exploration
    if exploration.term_family == "smoothed_target":
        found, clipped = exploration.target_gradient(log_probs, rows.actions.squeeze(2), weights)
        return found.mul_(rows.share.unsqueeze(2)), clipped.float()
    weights = weights * rows.share
    if exploration.term_family == "naive_label_smoothing":
        advantages = rows.advantages * rows.share
        return exploration.naive_gradient(log_probs, rows.actions.squeeze(2), weights, advantages), None
    left = exploration.gradient_share(acting)
    return towards(probs, rows.actions, weights if left is None else weights * left), None


def towards(probs: PerAction, actions: Int64[Tensor, "members rows 1"], weights: Rows) -> PerAction:
    """weight (pi - e_a), the gradient of -weight log pi_a with respect to the logits."""
    own = weights.unsqueeze(2)
    return (probs * own).scatter_add_(2, actions, -own)


def value_gradient(values: Rows, rows: Minibatch, options: PPOConfig) -> Rows:
    """The gradient of half the squared error; where it is clipped, of the larger of that and of the clipped one's."""
    error = values - rows.returns
    if options.clip_vloss:
        bounded = torch.clamp(values, rows.low, rows.high).sub_(rows.returns)
        # Where the clipped error is the larger one, the value has moved too far, and nothing moves it.
        error.masked_fill_(bounded.abs_() > error.abs(), 0.0)
    return error.mul_(rows.share).mul_(options.vf_coef)


def normalised(
    advantages: Float32[Tensor, "members ... rows"], weights: Float32[Tensor, "members ... rows"]
) -> Float32[Tensor, "members ... rows"]:
    """Advantages with the mean 0 and the deviation 1, over the rows of each minibatch that count."""
    number = weights.sum(-1, keepdim=True)
    centred = advantages - (advantages * weights).sum(-1, keepdim=True) / number.clamp(min=1)
    # One row has no deviation: dividing by that of two leaves it finite.
    variance = (centred.square() * weights).sum(-1, keepdim=True) / (number - 1).clamp_(min=1)
    return centred / (variance.sqrt_() + TINY)
