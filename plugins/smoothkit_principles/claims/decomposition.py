"""What smoothing adds to the cross-entropy: KL(u || p), which is not the entropy bonus."""

from math import exp, log, sqrt

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import ConfidencePenalty, LabelSmoothing, OneHot
from smoothkit.targets.uniform import Convention
from smoothkit_principles.claims.gradient import logit_gradient
from smoothkit_principles.lab import Lab

ROWS, CLASSES, ALPHA = 64, 10, 0.1
CONVENTIONS: tuple[Convention, ...] = ("all", "others")
EXACT = 1e-12
"""Sums of a few float64 numbers of size 1."""
MARGINS = {"margin 1": 1.0, "margin 10": 10.0, "margin 20": 20.0}
EVEN = 1e-4
"""A margin at which the prediction is all but uniform."""
NEARLY = f"margin {EVEN}"
ALIKE = 1e-3
"""How near 1 the ratio of two pulls is that are alike."""


def kl_pull(margin: float) -> float:
    """The norm of the gradient of KL(u || p), which is p - u, where all wrong logits lie `margin` below the true one.

    With p_y = 1/(1 + (K - 1) exp(-margin)) the entries of p - u are p_y - 1/K and K - 1 times -(p_y - 1/K)/(K - 1).
    """
    p_true = 1 / (1 + (CLASSES - 1) * exp(-margin))
    return (p_true - 1 / CLASSES) * sqrt(CLASSES / (CLASSES - 1))


def pulls(margins: Float64[Tensor, " margins"]) -> dict[str, Float64[Tensor, " margins"]]:
    """The norms of the gradients of both regularisers, each as the core's loss with it less the loss without."""
    logits = torch.zeros(len(margins), CLASSES, dtype=torch.float64)
    logits[:, 0] = margins
    labels = torch.zeros(len(margins), dtype=torch.int64)
    plain = logit_gradient(OneHot(CLASSES), logits, labels)
    smoothed = logit_gradient(LabelSmoothing(CLASSES, ALPHA, "all"), logits, labels)
    penalised = logit_gradient(ConfidencePenalty(CLASSES, ALPHA), logits, labels)
    return {
        "KL(u || p)": (smoothed - (1 - ALPHA) * plain).norm(dim=1) / ALPHA,
        "-H(p)": (penalised - plain).norm(dim=1) / ALPHA,
    }


def divergence(logits: Float64[Tensor, "rows classes"]) -> Float64[Tensor, " rows"]:
    """KL(u || p) of each row, by torch."""
    uniform = torch.full_like(logits, 1 / CLASSES)
    return F.kl_div(logits.log_softmax(dim=1), uniform, reduction="none").sum(dim=1)


def measure(lab: Lab) -> Evidence:
    """Distances of the core's loss from each sum, and of one gradient from the other."""
    generator = lab.generator("decomposition")
    logits = 3 * torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=generator)
    labels = torch.randint(CLASSES, (ROWS,), generator=generator)
    cross_entropy = OneHot(CLASSES)(logits, labels, reduction="none")
    values = {}
    for convention in CONVENTIONS:
        loss = LabelSmoothing(CLASSES, ALPHA, convention)(logits, labels, reduction="none")
        rest = loss - (1 - ALPHA) * cross_entropy - ALPHA * divergence(logits)
        values[place("textbook", convention)] = rest.abs().max().item()
        values[place("constant", convention)] = (rest - rest.mean()).abs().max().item()
        values[place("exact", convention)] = (rest - ALPHA * log(CLASSES)).abs().max().item()
        # The alpha of "all" that describes the same targets as "others" does.
        alpha = ALPHA * CLASSES / (CLASSES - 1)
        converted = (1 - alpha) * cross_entropy + alpha * (divergence(logits) + log(CLASSES))
        values[place("converted", convention)] = (loss - converted).abs().max().item()
    margins = torch.tensor([EVEN, *MARGINS.values()], dtype=torch.float64)
    kl, bonus = (norms.tolist() for norms in pulls(margins).values())
    values[place("limit", NEARLY)] = bonus[0] / kl[0]
    for case, own, other in zip(MARGINS, kl[1:], bonus[1:], strict=True):
        values[place("bonus", case)] = other / own
        values[place("pull", case)] = own
    return Evidence(values=values, figures={"pulls": pulls_figure()})


def pulls_figure() -> CurvesFigure:
    """Both gradients against the margin."""
    margins = torch.linspace(0, 20, 201, dtype=torch.float64)
    found = pulls(margins)
    return CurvesFigure(
        title=f"Pull towards the uniform prediction ({CLASSES} classes)",
        x_label="true logit minus each other one",
        y_label="gradient norm (nats per logit)",
        x={name: tuple(margins.tolist()) for name in found},
        y={name: tuple(norms.tolist()) for name, norms in found.items()},
    )


def none_left(*keys: str) -> tuple[Case, ...]:
    """A distance of 0."""
    return cases(keys, "equals", 0.0, within=EXACT)


CLAIM = Claim(
    name="decomposition",
    title="What smoothing adds to the cross-entropy",
    source="Szegedy et al. 2016, section 7; Pereyra et al. 2017 for the confidence penalty",
    statements=(
        Statement(
            key="textbook",
            text="The smoothed loss is (1 - alpha) CE + alpha KL(u || p).",
            cases=none_left(*CONVENTIONS),
        ),
        Statement(
            key="constant",
            text="The smoothed loss is (1 - alpha) CE + alpha KL(u || p) up to a constant.",
            cases=none_left(*CONVENTIONS),
        ),
        Statement(
            key="exact",
            text="The smoothed loss is (1 - alpha) CE + alpha [KL(u || p) + log K].",
            cases=none_left(*CONVENTIONS),
        ),
        Statement(
            key="converted",
            text="The smoothed loss is (1 - b) CE + b [KL(u || p) + log K] with b = alpha K/(K - 1).",
            cases=none_left(*CONVENTIONS),
        ),
        Statement(
            key="bonus",
            text="What is added is an entropy bonus: -H(p) pulls as hard as KL(u || p).",
            cases=cases(MARGINS, "equals", 1.0, within=ALIKE),
        ),
        Statement(
            key="limit",
            text=f"Where the prediction is all but uniform, at a margin of {EVEN}, both pull alike.",
            cases=cases((NEARLY,), "equals", 1.0, within=ALIKE),
        ),
        Statement(
            key="pull",
            text="KL(u || p) keeps its pull at large margins: (p_y - 1/K) sqrt(K/(K - 1)).",
            cases=tuple(
                Case(key=key, relation="equals", expected=kl_pull(margin), within=EXACT)
                for key, margin in MARGINS.items()
            ),
        ),
    ),
    measure=measure,
)
