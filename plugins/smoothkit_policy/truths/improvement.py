"""Smoothing the improved policy in place of the action taken: a regulariser beside the policy gradient."""

import torch
from torch.nn.functional import one_hot

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit_policy.exploration.improvement import alpha_of, improvement_gradient, improvement_target, smoothed
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient
from smoothkit_policy.exploration.naive import naive_gradient, policy_gradient
from smoothkit_policy.truths.bench import Bench, largest
from smoothkit_policy.truths.slopes import slopes

ACTIONS = 4
ROWS = 400
STEP = 0.02
"""Eta, so small that targets of most samples need no cut."""
STEPS = {"step 0.01": 0.01, "step 0.1": 0.1, "step 1": 1.0}
COEFS = {"coef 0.1": 0.1, "coef 1": 1.0}
SIGNS = ("A > 0", "A < 0")
ROUNDED = 1e-12
"""An error of arithmetic at most."""


def measure(bench: Bench) -> Evidence:
    """Samples of random policies, with advantages of either sign."""
    logits = bench.logits("improvement", ROWS, ACTIONS, 1.0)
    log_probs = logits.log_softmax(1)
    policy = log_probs.exp()
    actions = policy.multinomial(1, generator=bench.generator("improvement actions")).squeeze(1)
    advantages = torch.randn(ROWS, dtype=torch.float64, generator=bench.generator("improvement advantages"))
    targets, clipped = improvement_target(policy, actions, advantages, STEP)
    signs = dict(zip(SIGNS, ((advantages > 0) & ~clipped, (advantages < 0) & ~clipped), strict=True))
    plain = advantages.unsqueeze(1) * policy_gradient(log_probs, actions)
    values = {}
    for key, coef in COEFS.items():
        alpha = alpha_of(coef, STEP)
        target = smoothed(targets, alpha)
        found = slopes(lambda each, target=target: -(target * each).sum(1), logits) / ((1 - alpha) * STEP)
        parts = plain + coef * kl_uniform_gradient(log_probs)
        label = naive_gradient(log_probs, actions, advantages, advantages, alpha) / (1 - alpha)
        for name, rows in signs.items():
            case = f"{name}, {key}"
            values[place("gradient", case)] = STEP * largest((found - parts)[rows])
            values[place("label", case)] = largest((label - parts)[rows])
        elsewhere = bench.logits("elsewhere", ROWS, ACTIONS, 1.0).log_softmax(1)
        added = improvement_gradient(elsewhere, target, alpha, STEP) - improvement_gradient(
            elsewhere, targets, 0.0, STEP
        )
        values[place("anywhere", key)] = STEP * largest(added - coef * kl_uniform_gradient(elsewhere))
    wanted = {key: advantages * step for key, step in STEPS.items()}
    taken = policy.gather(1, actions.unsqueeze(1)).squeeze(1)
    for key, step in wanted.items():
        moved = policy + step.unsqueeze(1) * (one_hot(actions, ACTIONS) - policy)
        rule = torch.where(step > 0, step <= 1, taken >= -step / (1 - step))
        values[place("distribution", key)] = ((moved.amin(1) >= 0) == rule).double().mean().item()
        values[place("often", key)] = improvement_target(policy, actions, step, 1.0).clipped.double().mean().item()
    return Evidence(values=values)


BOTH = tuple(f"{sign}, {coef}" for coef in COEFS for sign in SIGNS)
CLAIM = Claim(
    name="improvement",
    title="Smoothing the improved policy",
    source="the cross-entropy to (1 - alpha) t + alpha u with t = pi + eta A (e_a - pi), at pi",
    statements=(
        Statement(
            key="gradient",
            text="Sample by sample its gradient over (1 - alpha) eta is that of the policy plus coef KL(u || pi), with "
            "coef = alpha/((1 - alpha) eta), whatever the sign of A (difference times eta).",
            cases=cases(BOTH, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="label",
            text="So is that of the smoothed label of the action taken, under A and over 1 - alpha.",
            cases=cases(BOTH, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="anywhere",
            text="When the policy has moved on, what smoothing adds still is coef KL(u || pi) (difference times eta).",
            cases=cases(COEFS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="distribution",
            text="t is a distribution if and only if eta A <= 1, and pi_a >= eta |A|/(1 + eta |A|) where A < 0 (share "
            "of samples).",
            cases=cases(STEPS, "equals", 1.0),
        ),
        Statement(
            key="often",
            text="Few targets have to be cut to be distributions: less than 1 % of samples with normal advantages.",
            cases=cases(STEPS, "below", 0.01),
        ),
    ),
    measure=measure,
)
