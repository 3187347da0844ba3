"""What algorithms have in common whose policy imitates target distributions of their own making."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from smoothkit_policy.action_targets import imitation_gradient, imitation_loss
from smoothkit_policy.agents import Agents
from smoothkit_policy.config import AWRConfig, MPOConfig
from smoothkit_policy.log_probs import log_probs_of
from smoothkit_policy.minibatches import Pass

Values = dict[str, Float32[Tensor, " members"]]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is to be learned from a rollout."""

    observations: Shaped[Tensor, "members rows ..."]
    targets: Float32[Tensor, "members rows actions"]
    """What the policy is to be."""
    strengths: Float32[Tensor, "members rows"]
    """How much each row's target counts; of the mean 1 over rows whose weight is 1."""
    outputs: Int64[Tensor, "members rows"]
    """Which of the critic's outputs is to learn."""
    returns: Float32[Tensor, "members rows"]
    """What it is to say."""
    weights: Float32[Tensor, "members rows"]
    """1, or 0 for steps that were only a reset."""


def one_pass(
    agents: Agents,
    options: AWRConfig | MPOConfig,
    lesson: Lesson,
    order: Pass,
    is_recording: bool,
) -> Values:
    """Pass once over a rollout in this order, in minibatches; the values are those of the last one."""
    own = {name: order.split(each).unbind(1) for name, each in vars(lesson).items()}
    own["weights"] = order.weights.unbind(1)
    values: Values = {}
    last = order.weights.shape[1] - 1
    for part in range(last + 1):
        minibatch = Lesson(**{name: each[part] for name, each in own.items()})
        values = step(agents, options.vf_coef, minibatch, is_recording and part == last)
    return values


def step(agents: Agents, vf_coef: float, lesson: Lesson, is_recording: bool) -> Values:
    """One step of the optimiser on the weighted cross-entropy to the targets, and half the critic's squared error."""
    exploration = agents.exploration
    logits, said = agents.network(lesson.observations)
    log_probs = log_probs_of(logits)
    share = lesson.weights / lesson.weights.sum(1, keepdim=True).clamp_(min=1)
    strengths = share * lesson.strengths
    d_logits = imitation_gradient(log_probs, lesson.targets, strengths)
    exploration.add_gradient(d_logits, log_probs, share)
    at = lesson.outputs.unsqueeze(2)
    error = said.gather(2, at).squeeze(2) - lesson.returns
    d_values = torch.zeros_like(said).scatter_(2, at, (error * share * vf_coef).unsqueeze(2))
    agents.network.backward(d_logits, d_values)
    agents.optimiser.step()
    if not is_recording:
        return {}
    return {
        "losses/policy_loss": imitation_loss(log_probs, lesson.targets, strengths),
        "losses/value_loss": 0.5 * (error.square() * share).sum(1),
        "losses/exploration_loss": (exploration.penalty(log_probs) * share).sum(1) * exploration.coef,
    }
