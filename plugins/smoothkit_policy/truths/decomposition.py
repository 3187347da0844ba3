"""What the cross-entropy to a smoothed label is made of, for policies that imitate."""

import torch
from torch.nn.functional import cross_entropy, one_hot

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.targets import LabelSmoothing
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient, kl_uniform_penalty
from smoothkit_policy.exploration.naive import policy_gradient
from smoothkit_policy.truths.bench import Bench, largest
from smoothkit_policy.truths.slopes import minimised, slopes

ACTIONS = 5
ROWS = 200
ALPHAS = {"alpha 0.1": 0.1, "alpha 0.5": 0.5}
ROUNDED = 1e-12
"""An error of arithmetic at most."""


def measure(bench: Bench) -> Evidence:
    """The core's label smoothing against its parts, on random policies and labels."""
    logits = bench.logits("decomposition", ROWS, ACTIONS)
    labels = torch.randint(ACTIONS, (ROWS,), generator=bench.generator("decomposition labels"))
    log_probs = logits.log_softmax(1)
    plain, pull = policy_gradient(log_probs, labels), kl_uniform_gradient(log_probs)
    values = {}
    for name, alpha in ALPHAS.items():
        target = LabelSmoothing(ACTIONS, alpha)
        loss = target(logits, labels, reduction="none")
        nll = -log_probs.gather(1, labels.unsqueeze(1)).squeeze(1)
        constant = alpha * torch.tensor(ACTIONS, dtype=torch.float64).log()
        parts = (1 - alpha) * nll + alpha * kl_uniform_penalty(log_probs) + constant
        values[place("parts", name)] = largest(loss - parts)
        values[place("torch", name)] = largest(
            loss - cross_entropy(logits, labels, label_smoothing=alpha, reduction="none")
        )
        rows = (1 - alpha) * one_hot(labels, ACTIONS).double() + alpha / ACTIONS
        whole = slopes(lambda each, rows=rows: -(rows * each).sum(1), logits)
        values[place("unscaled", name)] = largest(whole - plain - alpha * pull)
        values[place("factor", name)] = largest(whole / (1 - alpha) - plain - alpha / (1 - alpha) * pull)
        row = rows[:1]
        values[place("floor", name)] = minimised(lambda each, row=row: -(row * each).sum(1), 1, ACTIONS).min().item()
    return Evidence(values=values)


CLAIM = Claim(
    name="decomposition",
    title="What a smoothed label is made of",
    source="writing the cross-entropy out; Pereyra et al. 2017 (arXiv 1701.06548) on the divergence in it",
    statements=(
        Statement(
            key="parts",
            text="CE((1 - alpha) e_y + alpha u, pi) is (1 - alpha) (-log pi_y) + alpha KL(u || pi) + alpha log K.",
            cases=cases(ALPHAS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="torch",
            text="That is what PyTorch calls label_smoothing.",
            cases=cases(ALPHAS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="unscaled",
            text="Smoothing by alpha adds alpha KL(u || pi) to the loss and changes nothing else (difference of "
            "gradients).",
            cases=cases(ALPHAS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="factor",
            text="Divided by 1 - alpha, it adds alpha/(1 - alpha) KL(u || pi) to the loss and changes nothing else.",
            cases=cases(ALPHAS, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="floor",
            text="A policy that fits it leaves alpha/K to each other action.",
            cases=tuple(
                Case(key=name, relation="equals", expected=alpha / ACTIONS, within=1e-7)
                for name, alpha in ALPHAS.items()
            ),
        ),
    ),
    measure=measure,
)
