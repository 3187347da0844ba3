"""Smoothing the label of the action taken, under its advantage: what is left of the regulariser."""

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient
from smoothkit_policy.exploration.naive import naive_gradient, policy_gradient
from smoothkit_policy.truths.bench import Bench, largest

ACTIONS = 4
ROWS = 100
ALPHAS = {"alpha 0.1": 0.1, "alpha 0.3": 0.3}
SIGNS = {"A = 1": 1.0, "A = -1": -1.0}
EXAMPLE = 0.1
"""Alpha of the statements about one sample."""
FAR = 1e5
"""How far the logit of an action that was not drawn is sent down."""
ROUNDED = 1e-12
"""An error of arithmetic at most."""


def along(
    gradients: Float64[Tensor, "rows actions"], log_probs: Float64[Tensor, "rows actions"]
) -> Float64[Tensor, " rows"]:
    """How many times the gradient of KL(u || pi) is in a gradient, by projection: its coefficient."""
    direction = kl_uniform_gradient(log_probs)
    return (gradients * direction).sum(-1) / direction.square().sum(-1)


def spread(gradients: Float64[Tensor, "rows taken actions"], policy: Float64[Tensor, "rows actions"]) -> float:
    """The variance of a gradient whose action is drawn by the policy, summed over entries."""
    mean = torch.einsum("ra,rak->rk", policy, gradients).unsqueeze(1)
    return torch.einsum("ra,rak->", policy, (gradients - mean).square()).item()


def measure(bench: Bench) -> Evidence:
    """Every action of random policies, with the exact baseline; and single samples."""
    log_probs = bench.logits("naive", ROWS, ACTIONS, 1.0).log_softmax(1)
    policy = log_probs.exp()
    worth = torch.randn(ROWS, ACTIONS, dtype=torch.float64, generator=bench.generator("naive worth"))
    advantages = worth - (policy * worth).sum(1, keepdim=True)
    # Every policy once for each action that may be taken.
    each, actions = log_probs.unsqueeze(1).expand(-1, ACTIONS, -1), torch.arange(ACTIONS).expand(ROWS, -1)
    plain = advantages.unsqueeze(2) * policy_gradient(each, actions)
    values = {}
    for name, alpha in ALPHAS.items():
        found = naive_gradient(each, actions, advantages, advantages, alpha)
        added = found - (1 - alpha) * plain
        mean = torch.einsum("ra,rak->rk", policy, found)
        values[place("regulariser", name)] = along(torch.einsum("ra,rak->rk", policy, added), log_probs).mean().item()
        values[place("mean", name)] = largest(mean - (1 - alpha) * torch.einsum("ra,rak->rk", policy, plain))
        values[place("variance", name)] = spread(found, policy) / spread((1 - alpha) * plain, policy)
    one, taken = log_probs[:1], torch.zeros(1, dtype=torch.int64)
    for name, advantage in SIGNS.items():
        sign = torch.full((1,), advantage, dtype=torch.float64)
        added = naive_gradient(one, taken, sign, sign, EXAMPLE) - (1 - EXAMPLE) * sign * policy_gradient(one, taken)
        values[place("weight", name)] = along(added, one).item()
        cut = naive_gradient(one, taken, torch.zeros_like(sign), sign, EXAMPLE)
        values[place("clipped", name)] = along(cut, one).item()
    # In a batch with the mean 0 a state that did better than average has A > 0, and a worse one A < 0.
    for name, sample in (("better states", "A = 1"), ("worse states", "A = -1")):
        values[place("normalised", name)] = values[place("weight", sample)]
    for name, advantage in SIGNS.items():
        values[place("bounded", name)] = advantage * far_loss()
    return Evidence(values=values)


def far_loss() -> float:
    """CE((1 - alpha) e_0 + alpha u, pi) of a policy that never takes the last action."""
    logits = torch.zeros(1, ACTIONS, dtype=torch.float64)
    logits[0, -1] = -FAR
    log_probs = logits.log_softmax(1)
    return (-(1 - EXAMPLE) * log_probs[0, 0] - EXAMPLE * log_probs.mean()).item()


CLAIM = Claim(
    name="naive",
    title="Smoothing the action taken, under its advantage",
    source="the mean over actions of A CE((1 - alpha) e_a + alpha u, pi), in which the mean of A is 0",
    statements=(
        Statement(
            key="regulariser",
            text="Smoothing the label of the action taken by alpha adds alpha KL(u || pi): on average its coefficient "
            "is alpha.",
            cases=tuple(
                Case(key=name, relation="equals", expected=alpha, within=0.01) for name, alpha in ALPHAS.items()
            ),
        ),
        Statement(
            key="mean",
            text="With the exact baseline it changes the mean gradient by the factor 1 - alpha alone.",
            cases=cases(ALPHAS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="variance",
            text="It adds variance (ratio to that of 1 - alpha times the policy gradient).",
            cases=cases(ALPHAS, "above", 1.0),
        ),
        Statement(
            key="weight",
            text=f"In one sample the coefficient is alpha A (alpha = {EXAMPLE}): where A < 0 it pushes away from u.",
            cases=cases(SIGNS, "equals", {name: EXAMPLE * sign for name, sign in SIGNS.items()}, within=ROUNDED),
        ),
        Statement(
            key="normalised",
            text="Advantages normalised over a batch make it a regulariser of every state: coefficients are positive.",
            cases=cases(("better states", "worse states"), "above", 0.0),
        ),
        Statement(
            key="clipped",
            text="Where PPO clips the ratio, the coefficient is 0 as the rest of the gradient is.",
            cases=cases(SIGNS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="bounded",
            text="The loss of a sample has a lower bound: with an action that was not drawn far off it is not below "
            "-1000.",
            cases=cases(SIGNS, "above", -1000.0),
        ),
    ),
    measure=measure,
)
