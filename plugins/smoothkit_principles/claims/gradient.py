"""What the gradient of a cross-entropy with respect to the logits is."""

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional as F

from smoothkit_principles.claim import Case, Claim, Evidence, Statement, place
from smoothkit_principles.lab import Lab

ROWS, CLASSES, ALPHA = 64, 10, 0.1
EXACT = 1e-12
"""A gradient in float64 has rounding errors of about 1e-16."""


def targets(generator: torch.Generator) -> dict[str, Float64[Tensor, "rows classes"]]:
    """A target of each kind: a smoothed label, one whose entries sum to 2, one with negative entries that sum to 1."""
    smoothed = F.one_hot(torch.randint(CLASSES, (ROWS,), generator=generator), CLASSES).double()
    smoothed = (1 - ALPHA) * smoothed + ALPHA / CLASSES
    # Negative label smoothing: alpha below 0.
    signed = (smoothed - 1.5 * ALPHA / CLASSES) / (1 - 1.5 * ALPHA)
    return {"smoothed": smoothed, "unnormalised": 2 * smoothed, "signed": signed}


def measure(lab: Lab) -> Evidence:
    """The largest distance of autograd's gradient from each formula."""
    generator = lab.generator("gradient")
    logits = 3 * torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=generator)
    values = {}
    for kind, target in targets(generator).items():
        gradient = gradient_of(logits, target)
        p = logits.softmax(dim=1)
        values[place("usual", kind)] = (gradient - (p - target)).abs().max().item()
        values[place("general", kind)] = (gradient - (target.sum(dim=1, keepdim=True) * p - target)).abs().max().item()
    return Evidence(values=values)


def gradient_of(
    logits: Float64[Tensor, "rows classes"], target: Float64[Tensor, "rows classes"]
) -> Float64[Tensor, "rows classes"]:
    """The gradient of each row's cross-entropy, by autograd."""
    logits = logits.clone().requires_grad_()
    loss = -(target * logits.log_softmax(dim=1)).sum()
    return torch.autograd.grad(loss, logits)[0]


KINDS = ("smoothed", "unnormalised", "signed")

CLAIM = Claim(
    name="gradient",
    title="Gradient of the loss",
    source="standard; the general form: facts of log-softmax",
    statements=(
        Statement(
            key="usual",
            text="The gradient with respect to the logits is prediction minus target, p - t.",
            cases=tuple(Case(key=kind, relation="equals", expected=0.0, within=EXACT) for kind in KINDS),
        ),
        Statement(
            key="general",
            text="It is (sum of t) p - t, whatever the target sums to.",
            cases=tuple(Case(key=kind, relation="equals", expected=0.0, within=EXACT) for kind in KINDS),
        ),
    ),
    measure=measure,
)
