"""What the gradient of a cross-entropy with respect to the logits is."""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot, Target
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
    return Evidence(values=values, figures={"true-class": true_class_figure()})


def gradient_of(
    logits: Float64[Tensor, "rows classes"], target: Float64[Tensor, "rows classes"]
) -> Float64[Tensor, "rows classes"]:
    """The gradient of each row's cross-entropy, by autograd."""
    logits = logits.clone().requires_grad_()
    loss = -(target * logits.log_softmax(dim=1)).sum()
    return torch.autograd.grad(loss, logits)[0]


def logit_gradient(
    target: Target,
    logits: Float64[Tensor, "rows classes"],
    labels: Int64[Tensor, " rows"] | Float64[Tensor, "rows classes"],
) -> Float64[Tensor, "rows classes"]:
    """The gradient of each row's loss against a target of the core, by autograd."""
    logits = logits.clone().requires_grad_()
    return torch.autograd.grad(target(logits, labels, reduction="sum"), logits)[0]


def true_class_figure() -> CurvesFigure:
    """The gradient on the true logit against the true class's probability; a smoothed one turns round at its target."""
    classes, alpha = 3, 0.3
    p_true = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    logits = torch.zeros(len(p_true), classes, dtype=torch.float64)
    logits[:, 0] = (p_true / (1 - p_true) * (classes - 1)).log()
    labels = torch.zeros(len(p_true), dtype=torch.int64)
    kinds: dict[str, Target] = {
        "one-hot": OneHot(classes),
        "all": LabelSmoothing(classes, alpha, "all"),
        "others": LabelSmoothing(classes, alpha, "others"),
    }
    return CurvesFigure(
        title=f"Gradient on the true logit ({classes} classes, smoothing {alpha})",
        x_label="probability of the true class",
        y_label="gradient (nats per logit)",
        x={name: tuple(p_true.tolist()) for name in kinds},
        y={name: tuple(logit_gradient(kind, logits, labels)[:, 0].tolist()) for name, kind in kinds.items()},
    )


KINDS = ("smoothed", "unnormalised", "signed")

CLAIM = Claim(
    name="gradient",
    title="Gradient of the loss",
    source="the derivative of log-softmax",
    statements=(
        Statement(
            key="usual",
            text="The gradient with respect to the logits is prediction minus target, p - t.",
            cases=cases(KINDS, "equals", 0.0, within=EXACT),
        ),
        Statement(
            key="general",
            text="It is (sum of t) p - t, whatever the target sums to.",
            cases=cases(KINDS, "equals", 0.0, within=EXACT),
        ),
    ),
    measure=measure,
)
