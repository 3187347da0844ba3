"""Reinforcement learning: what smoothing the target of a policy adds to the policy gradient."""

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.claims.claim import Case, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import ConfidencePenalty, LabelSmoothing, OneHot
from smoothkit_principles.claims.gradient import logit_gradient

ACTIONS, ALPHA, RATE = 4, 0.1, 0.05
STATES = 1000
EXACT = 1e-12
ADVANTAGES = {"A > 0": 1.0, "A < 0": -1.0}


def improved(
    policy: Float64[Tensor, "states actions"], taken: Float64[Tensor, "states actions"], advantage: float
) -> Float64[Tensor, "states actions"]:
    """The policy moved towards the action taken, or away from it: `pi + eta A (e_a - pi)`."""
    return policy + RATE * advantage * (taken - policy)


def measure(generator: torch.Generator) -> dict[str, float]:
    """Relative distances between gradients over random states."""
    logits = torch.randn(STATES, ACTIONS, dtype=torch.float64, generator=generator)
    actions = torch.randint(ACTIONS, (STATES,), generator=generator)
    policy, taken = logits.softmax(dim=1), F.one_hot(actions, ACTIONS).double()
    plain, smoothing = OneHot(ACTIONS), LabelSmoothing(ACTIONS, ALPHA, "all")
    policy_gradient = logit_gradient(plain, logits, actions)
    to_uniform = gradient_of_divergence(logits)
    bonus = logit_gradient(ConfidencePenalty(ACTIONS, 1.0), logits, actions) - policy_gradient
    values = {}
    for case, advantage in ADVANTAGES.items():
        found = logit_gradient(smoothing, logits, improved(policy, taken, advantage))
        rest = found - (1 - ALPHA) * RATE * advantage * policy_gradient
        for statement, added in (("improvement", to_uniform), ("entropy bonus", bonus)):
            values[place(statement, case)] = ((rest - ALPHA * added).norm() / (ALPHA * added).norm()).item()
    values[place("weighted", "any A")] = kept_share(logits, to_uniform, generator)
    return values


def gradient_of_divergence(logits: Float64[Tensor, "states actions"]) -> Float64[Tensor, "states actions"]:
    """The gradient of KL(u || pi), by torch."""
    logits = logits.clone().requires_grad_()
    uniform = torch.full_like(logits, 1 / ACTIONS)
    divergence = F.kl_div(logits.log_softmax(dim=1), uniform, reduction="sum")
    return torch.autograd.grad(divergence, logits)[0]


def advantages(
    policy: Float64[Tensor, "states actions"], generator: torch.Generator
) -> Float64[Tensor, "states actions"]:
    """Random ones, of mean 0 under the policy, as those against an exact baseline are."""
    rewards = torch.randn(STATES, ACTIONS, dtype=torch.float64, generator=generator)
    return rewards - (policy * rewards).sum(dim=1, keepdim=True)


def kept_share(
    logits: Float64[Tensor, "states actions"],
    to_uniform: Float64[Tensor, "states actions"],
    generator: torch.Generator,
) -> float:
    """How much of `alpha KL(u || pi)` is left, in the mean over actions, where advantages weight a smoothed loss."""
    policy = logits.softmax(dim=1)
    weights = policy * advantages(policy, generator)
    left = torch.zeros_like(logits)
    for action in range(ACTIONS):
        taken = torch.full((STATES,), action)
        smoothed = logit_gradient(LabelSmoothing(ACTIONS, ALPHA, "all"), logits, taken)
        plain = logit_gradient(OneHot(ACTIONS), logits, taken)
        left += weights[:, action : action + 1] * (smoothed - (1 - ALPHA) * plain)
    return (left.norm() / (ALPHA * to_uniform).norm()).item()


def figure() -> CurvesFigure:
    """How hard each regulariser pulls a starved action back."""
    starved = torch.logspace(-6, -0.7, 54, dtype=torch.float64)
    logits = torch.zeros(len(starved), ACTIONS, dtype=torch.float64)
    logits[:, 0] = (starved / (1 - starved) * (ACTIONS - 1)).log()
    actions = torch.zeros(len(starved), dtype=torch.int64)
    plain = logit_gradient(OneHot(ACTIONS), logits, actions)
    pulls = {
        "KL(u || pi), from smoothing": -gradient_of_divergence(logits)[:, 0],
        "-H(pi), the entropy bonus": (plain - logit_gradient(ConfidencePenalty(ACTIONS, 1.0), logits, actions))[:, 0],
    }
    return CurvesFigure(
        title=f"Pull on the logit of a starved action ({ACTIONS} actions)",
        x_label="log10 of the action's probability",
        y_label="pull upwards (nats per logit)",
        x={name: tuple(starved.log10().tolist()) for name in pulls},
        y={name: tuple(pull.tolist()) for name, pull in pulls.items()},
    )


STATEMENTS = (
    Statement(
        key="improvement",
        text="Smoothing the improved policy adds alpha KL(u || pi) to 1 - alpha times the policy gradient.",
        cases=cases(ADVANTAGES, "equals", 0.0, within=EXACT),
    ),
    Statement(
        key="entropy bonus",
        text="Smoothing the improved policy adds the entropy bonus of weight alpha.",
        cases=cases(ADVANTAGES, "equals", 0.0, within=EXACT),
    ),
    Statement(
        key="weighted",
        text="Smoothed action labels, weighted by advantages, regularise the policy on average.",
        cases=(Case(key="any A", relation="above", expected=1e-6),),
    ),
)
