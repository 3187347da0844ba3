"""Whether weights stay finite on separable data: logistic regression under plain gradient descent."""

from math import log

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot, Target
from smoothkit_principles.lab import Lab
from smoothkit_principles.minimise import minimise

ALPHA, POINTS, LR = 0.1, 12, 1.0
STEPS = {"one-hot": 1e10, "all": 1e3, "others": 1e3}
"""Steps of descent. The rate of growth is that of long training: points near the nearest ones delay it."""
SMALL = 0.02
"""A loss from which on steps are made longer; that of two smoothed classes is never below 0.1."""
CENTRE = torch.tensor([2.0, 1.0], dtype=torch.float64)
LEAST = 1.0
"""How far points lie from the line that cuts the classes apart, at least."""
SMOOTHED = ("all", "others")
KINDS = ("one-hot", *SMOOTHED)
SHRINK = 10.0
"""How much smaller the features are made to see what becomes of the weights."""


def kinds() -> dict[str, Target]:
    """The targets that are compared."""
    return {
        "one-hot": OneHot(2),
        "all": LabelSmoothing(2, ALPHA, "all"),
        "others": LabelSmoothing(2, ALPHA, "others"),
    }


def separable(generator: torch.Generator) -> tuple[Float64[Tensor, "points 2"], Int64[Tensor, " points"]]:
    """Two Gaussian clouds on either side of the origin, without the points that come near the other side."""
    drawn = CENTRE + torch.randn(20 * POINTS, 2, dtype=torch.float64, generator=generator)
    kept = drawn[drawn @ CENTRE / CENTRE.norm() >= LEAST][:POINTS]
    labels = torch.arange(POINTS) % 2
    return kept * (2 * labels - 1).unsqueeze(1), labels


def largest_margin(features: Float64[Tensor, "points 2"], labels: Int64[Tensor, " points"]) -> float:
    """The distance from the nearest point that the best line through the origin has.

    It is the distance of the origin from the convex hull of the points, those of class 0 mirrored, and in the plane the
    nearest point of a hull lies on the segment between two of its points.
    """
    mirrored = features * (2 * labels - 1).unsqueeze(1)
    start, end = mirrored.unsqueeze(0), mirrored.unsqueeze(1)
    along = end - start
    share = -(start * along).sum(dim=2) / along.square().sum(dim=2).clamp_min(1e-300)
    return (start + share.clamp(0, 1).unsqueeze(2) * along).norm(dim=2).min().item()


def loss_of(
    target: Target,
    weights: Float64[Tensor, "2 2"],
    features: Float64[Tensor, "points 2"],
    labels: Int64[Tensor, " points"],
) -> Float64[Tensor, ""]:
    """The mean loss of a linear classifier without bias; row k holds the weights of class k."""
    return target(features @ weights.T, labels)


def norm(weights: Float64[Tensor, "2 2"]) -> float:
    """How long the difference of the classes' weights is: what separates them."""
    return (weights[1] - weights[0]).norm().item()


def descend(
    target: Target,
    features: Float64[Tensor, "points 2"],
    labels: Int64[Tensor, " points"],
    until: float,
    small: float = SMALL,
) -> tuple[list[float], list[float]]:
    """Full-batch descent from 0: numbers of steps, ever more until `until`, and the norm of the weights after each.

    A loss below `small` makes for longer steps, in proportion to its inverse, which count as that many: curvature falls
    with such a loss, so the long step goes where the short ones would have gone. Smoothed losses are never so small.
    """
    weights = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    steps, norms = [0.0], [0.0]
    while steps[-1] < until:
        loss = loss_of(target, weights, features, labels)
        (gradient,) = torch.autograd.grad(loss, weights)
        length = max(1.0, small / loss.item())
        with torch.no_grad():
            weights -= LR * length * gradient
        steps.append(steps[-1] + length)
        norms.append(norm(weights.detach()))
    return steps[1:], norms[1:]


def growth(steps: list[float], norms: list[float]) -> tuple[float, float]:
    """By how much the norm grew over the last tenfold of steps, and the natural logarithm of these steps."""
    start = next(number for number, step in enumerate(steps) if step >= steps[-1] / 10)
    return norms[-1] - norms[start], log(steps[-1] / steps[start])


def settled(target: Target, features: Float64[Tensor, "points 2"], labels: Int64[Tensor, " points"]) -> float:
    """The norm of the weights at the minimum of the loss."""
    start = torch.zeros(2, 2, dtype=torch.float64)
    return norm(minimise(lambda weights: loss_of(target, weights, features, labels), start))


def measure(lab: Lab) -> Evidence:
    """The norm along descent, the rate of its growth, and the norm at the minimum."""
    features, labels = separable(lab.generator("weights"))
    margin = largest_margin(features, labels)
    paths = {name: descend(target, features, labels, STEPS[name]) for name, target in kinds().items()}
    values = {}
    for name, (steps, norms) in paths.items():
        grown, logarithm = growth(steps, norms)
        values[place("endless", name)] = grown / norms[-1]
        if name == "one-hot":
            values[place("rate", name)] = margin * grown / logarithm
            continue
        least = settled(kinds()[name], features, labels)
        small = settled(kinds()[name], features / SHRINK, labels)
        values[place("settles", name)] = norms[-1] / least
        values[place("bound", name)] = values[place("product", name)] = small / least
    return Evidence(values=values, figures={"norm": norm_figure(paths, margin)})


def norm_figure(paths: dict[str, tuple[list[float], list[float]]], margin: float) -> CurvesFigure:
    """The norm against the logarithm of the steps, beside the line that its growth tends to."""
    curves = {name: thinned(steps, norms) for name, (steps, norms) in paths.items()}
    steps, norms = curves["one-hot"]
    # The law says how fast the norm grows in the end, not where it starts: its line is laid through the last point.
    law = [norms[-1] + log(step / steps[-1]) / margin for step in steps]
    curves["ln(steps) / largest margin"] = (steps, law)
    return CurvesFigure(
        title=f"Weights on separable data (smoothing {ALPHA})",
        x_label="log10 of steps of gradient descent",
        y_label="norm of the weights",
        x={name: tuple(log(step, 10) for step in taken) for name, (taken, _) in curves.items()},
        y={name: tuple(values) for name, (_, values) in curves.items()},
    )


def thinned(steps: list[float], norms: list[float]) -> tuple[list[float], list[float]]:
    """Those points of a path that are at least 5 % of the steps apart."""
    kept = [0]
    for number, step in enumerate(steps):
        if step >= 1.05 * steps[kept[-1]]:
            kept.append(number)
    return [steps[number] for number in kept], [norms[number] for number in kept]


CLAIM = Claim(
    name="weights",
    title="Weights on separable data",
    source="Soudry et al. 2018, The Implicit Bias of Gradient Descent on Separable Data",
    statements=(
        Statement(
            key="endless",
            text="On separable data the weights grow without end: over the last tenfold of steps, by over 1 %.",
            cases=cases(KINDS, "above", 0.01),
        ),
        Statement(
            key="rate",
            text="With one-hot labels their norm grows like ln(steps) over the largest margin of the data.",
            cases=(Case(key="one-hot", relation="equals", expected=1.0, within=0.05),),
        ),
        Statement(
            key="settles",
            text="With smoothing descent settles at finite weights, those of the lowest loss.",
            cases=cases(SMOOTHED, "equals", 1.0, within=1e-3),
        ),
        Statement(
            key="bound",
            text="Smoothing bounds the weights whatever the features: a tenth as large, they end at the same weights.",
            cases=cases(SMOOTHED, "equals", 1.0, within=1e-3),
        ),
        Statement(
            key="product",
            text="Smoothing bounds the logits only: features a tenth as large end at weights ten times as large.",
            cases=cases(SMOOTHED, "equals", SHRINK, within=1e-3),
        ),
    ),
    measure=measure,
)
