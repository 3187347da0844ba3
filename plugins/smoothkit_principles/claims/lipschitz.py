"""How steep the loss is in the logits, and how curved."""

from math import sqrt

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot, Target
from smoothkit_principles.claims.gradient import logit_gradient
from smoothkit_principles.lab import Lab

CLASSES, ALPHA = 10, 0.1
ROWS, POINTS = 2000, 8
"""Random logits for gradients, and for Hessians."""
EXACT = 1e-9
SMOOTHED = ("all", "others")
KINDS = ("one-hot", *SMOOTHED)


def kinds() -> dict[str, Target]:
    """The targets that are compared."""
    return {
        "one-hot": OneHot(CLASSES),
        "all": LabelSmoothing(CLASSES, ALPHA, "all"),
        "others": LabelSmoothing(CLASSES, ALPHA, "others"),
    }


def steepest(true_mass: float, other_mass: float) -> float:
    """The largest `|p - t|` over all predictions: where all of p is on one wrong class, since a norm is convex.

    There the entries of p - t are `-t_y`, `1 - t_k` and K - 2 times `-t_k`.

    >>> round(steepest(1.0, 0.0), 4), round(steepest(0.91, 0.01), 4)
    (1.4142, 1.345)
    """
    return sqrt(true_mass**2 + (1 - other_mass) ** 2 + (CLASSES - 2) * other_mass**2)


STEEPEST = {
    "one-hot": steepest(1.0, 0.0),
    "all": steepest(1 - ALPHA + ALPHA / CLASSES, ALPHA / CLASSES),
    "others": steepest(1 - ALPHA, ALPHA / (CLASSES - 1)),
}


def trial_logits(generator: torch.Generator) -> Float64[Tensor, "rows classes"]:
    """Logits near and far, and those that are sure of each class."""
    spread = torch.logspace(-1, 2, ROWS, dtype=torch.float64).unsqueeze(1)
    sure = 100 * torch.eye(CLASSES, dtype=torch.float64)
    return torch.cat([spread * torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=generator), sure])


def largest_gradient(target: Target, logits: Float64[Tensor, "rows classes"]) -> float:
    """The largest norm of the gradient of a row's loss."""
    labels = torch.zeros(len(logits), dtype=torch.int64)
    return logit_gradient(target, logits, labels).norm(dim=1).max().item()


def hessians(target: Target, logits: Float64[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes classes"]:
    """The Hessian of each row's loss with respect to its logits, by autograd."""
    label = torch.zeros(1, dtype=torch.int64)

    def loss(row: Float64[Tensor, " classes"]) -> Float64[Tensor, ""]:
        return target(row.unsqueeze(0), label)

    return torch.stack([torch.autograd.functional.hessian(loss, row) for row in logits])  # pyright: ignore


def measure(lab: Lab) -> Evidence:
    """Suprema over trial logits, and Hessians."""
    generator = lab.generator("lipschitz")
    logits = trial_logits(generator)
    points = 2 * torch.randn(POINTS, CLASSES, dtype=torch.float64, generator=generator)
    p = points.softmax(dim=1)
    covariance = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    constants = {name: largest_gradient(target, logits) for name, target in kinds().items()}
    curvatures = {name: hessians(target, points) for name, target in kinds().items()}
    largest = {name: torch.linalg.eigvalsh(found).max().item() for name, found in curvatures.items()}
    values = {}
    for name in KINDS:
        values[place("constant", name)] = constants[name]
        values[place("hessian", name)] = (curvatures[name] - covariance).abs().max().item()
    for name in SMOOTHED:
        values[place("smaller", name)] = constants[name] / constants["one-hot"]
        values[place("flatter", name)] = largest["one-hot"] - largest[name]
    return Evidence(values=values, figures={"gradient": gradient_figure()})


def gradient_figure() -> CurvesFigure:
    """The norm of the gradient where all that the true class lacks is on one wrong class."""
    p_true = torch.linspace(0.001, 0.999, 200, dtype=torch.float64)
    logits = torch.full((len(p_true), CLASSES), -40.0, dtype=torch.float64)
    logits[:, 0], logits[:, 1] = p_true.log(), (1 - p_true).log()
    labels = torch.zeros(len(p_true), dtype=torch.int64)
    return CurvesFigure(
        title=f"Gradient where one rival has the rest (smoothing {ALPHA})",
        x_label="probability of the true class",
        y_label="gradient norm (nats per logit)",
        x={name: tuple(p_true.tolist()) for name in KINDS},
        y={
            name: tuple(logit_gradient(target, logits, labels).norm(dim=1).tolist()) for name, target in kinds().items()
        },
    )


CLAIM = Claim(
    name="lipschitz",
    title="Lipschitz constants",
    source="the gradient p - t and its derivative; the supremum is attained where one wrong class has all",
    statements=(
        Statement(
            key="smaller",
            text="Smoothing makes the Lipschitz constant of the loss in the logits smaller.",
            cases=cases(SMOOTHED, "below", 1.0),
        ),
        Statement(
            key="constant",
            text="That constant is sqrt(t_y^2 + (1 - t_k)^2 + (K - 2) t_k^2).",
            cases=cases(KINDS, "equals", STEEPEST, within=EXACT),
        ),
        Statement(
            key="flatter",
            text="Smoothing makes the landscape flatter: the loss is less curved in the logits.",
            cases=cases(SMOOTHED, "above", EXACT),
        ),
        Statement(
            key="hessian",
            text="The Hessian in the logits is diag(p) - p p^T, whatever the target.",
            cases=cases(KINDS, "equals", 0.0, within=EXACT),
        ),
    ),
    measure=measure,
)
