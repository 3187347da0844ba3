"""Adversarial training: the optimal discriminator under smoothed labels, and what the generator learns from it."""

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.claims.claim import Case, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import Binary

ALPHA = 0.1
LABELS = {"none": (1.0, 0.0), "one-sided": (1 - ALPHA, 0.0), "two-sided": (1 - ALPHA, ALPHA)}
"""The target probability of "real" for real samples and for fakes."""
RATIOS = torch.logspace(-6, 6, 49, dtype=torch.float64)
"""Densities of the data over those of the generator."""
STEP = 1e-3
"""In the logarithm of the density ratio, for derivatives by central differences."""
FAR = 1e-6
"""The density ratio at a fake that is far from all data."""
NEWTON_STEPS = 20
"""Enough for logits of 14 either way, which the ratios above call for."""
CLOSE = 1e-4


def optimal_logits(kind: str, ratios: Float64[Tensor, " places"]) -> Float64[Tensor, " places"]:
    """The logit of the best discriminator where the densities have these ratios, by minimising the core's loss.

    Each place has a logit of its own, as for a discriminator without limits. From 0 on Newton's steps on a logistic
    loss do not pass its minimum; where that is at minus infinity, they go down by about 1 each.
    """
    real, fake = LABELS[kind]
    target = Binary(real=real, fake=fake)
    share = ratios / (1 + ratios)
    is_real, is_fake = (torch.full((len(ratios),), label) for label in (1, 0))
    logits = torch.zeros_like(ratios)
    for _ in range(NEWTON_STEPS):
        point = logits.clone().requires_grad_()
        on_real = target.from_logit(point, is_real, reduction="none")
        on_fake = target.from_logit(point, is_fake, reduction="none")
        loss = (share * on_real + (1 - share) * on_fake).sum()
        (slope,) = torch.autograd.grad(loss, point, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), point)
        logits = logits - (slope / curvature).detach()
    return logits


def gain(kind: str, ratio: float, *, saturating: bool) -> float:
    """How fast the generator's loss falls with the logarithm of the density ratio at a fake; all it learns from there.

    The loss is log(1 - D) if saturating, -log D if not, at the optimal discriminator.
    """
    around = torch.tensor([ratio], dtype=torch.float64).log() + torch.tensor([-STEP, STEP], dtype=torch.float64)
    logits = optimal_logits(kind, around.exp())
    low, high = (-F.softplus(logits) if saturating else F.softplus(-logits)).tolist()
    return (low - high) / (2 * STEP)


def measure() -> dict[str, float]:
    """Optimal discriminators, and ratios of gains."""
    best = {kind: optimal_logits(kind, RATIOS).sigmoid() for kind in LABELS}
    by_formula = (1 - ALPHA) * RATIOS / (1 + RATIOS)
    nowhere = {kind: optimal_logits(kind, RATIOS[:1] * 0).sigmoid().item() for kind in ("none", "one-sided")}
    values = {
        place("capped", "one-sided"): best["one-sided"].max().item(),
        place("optimal discriminator", "one-sided"): (best["one-sided"] - by_formula).abs().max().item(),
        place("no data", "one-sided"): nowhere["one-sided"] - nowhere["none"],
        place("saturating", "one-sided"): gain("one-sided", FAR, saturating=True) / gain("none", FAR, saturating=True),
    }
    for kind in ("one-sided", "two-sided"):
        ratio = gain(kind, FAR, saturating=False) / gain("none", FAR, saturating=False)
        values[place("not saturating", kind)] = ratio
    return values


def figure() -> CurvesFigure:
    """The optimal discriminator against the density ratio."""
    return CurvesFigure(
        title=f"Optimal discriminator (smoothing {ALPHA})",
        x_label="log10 of data density over generator density",
        y_label="probability of real",
        x={kind: tuple(RATIOS.log10().tolist()) for kind in LABELS},
        y={kind: tuple(optimal_logits(kind, RATIOS).sigmoid().tolist()) for kind in LABELS},
    )


STATEMENTS = (
    Statement(
        key="capped",
        text="One-sided smoothing caps the optimal discriminator at 1 - alpha.",
        cases=(Case(key="one-sided", relation="equals", expected=1 - ALPHA, within=CLOSE),),
    ),
    Statement(
        key="optimal discriminator",
        text="The optimal discriminator is (1 - alpha) p_data/(p_data + p_model).",
        cases=(Case(key="one-sided", relation="equals", expected=0.0, within=CLOSE),),
    ),
    Statement(
        key="no data",
        text="Where there are no data, one-sided smoothing lifts the discriminator above 0.",
        cases=(Case(key="one-sided", relation="above", expected=CLOSE),),
    ),
    Statement(
        key="saturating",
        text="One-sided smoothing gives the saturating generator more gradient on fakes far from the data.",
        cases=(Case(key="one-sided", relation="above", expected=1.0),),
    ),
    Statement(
        key="not saturating",
        text="Smoothing leaves the gradient of the non-saturating generator at the optimum as it is.",
        cases=cases(("one-sided", "two-sided"), "equals", 1.0, within=1e-3),
    ),
)
