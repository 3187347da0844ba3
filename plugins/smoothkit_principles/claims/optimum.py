"""Where the smoothed cross-entropy is smallest: at a finite margin, which depends on the convention."""

from math import log

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot, Target
from smoothkit.targets.uniform import Convention
from smoothkit_principles.claims.gradient import logit_gradient
from smoothkit_principles.lab import Lab
from smoothkit_principles.minimise import minimise

ALPHA, CLASSES = 0.1, 10
CONVENTIONS: tuple[Convention, ...] = ("all", "others")
SIZES = (2, 10, 100)
"""Numbers of classes at which both conventions are compared."""
FARTHEST = 20.0
"""A margin at which one-hot labels still pull with 2e-8, far more than rounding."""
CLOSE = 1e-4
"""L-BFGS in float64 finds the logits of a minimum to about 1e-6: around it the loss is flat to rounding."""
LABEL = torch.zeros(1, dtype=torch.int64)


def margin_others(alpha: float, num_classes: int) -> float:
    """`log t_y - log t_k` where alpha goes to the K - 1 other classes.

    >>> round(margin_others(0.1, 2), 4), round(log(9), 4)
    (2.1972, 2.1972)
    """
    return log((1 - alpha) / (alpha / (num_classes - 1)))


def margin_all(alpha: float, num_classes: int) -> float:
    """The same where alpha goes to all K classes.

    >>> round(margin_all(0.1, 2), 4), round(log(19), 4)
    (2.9444, 2.9444)
    """
    return log(1 + num_classes * (1 - alpha) / alpha)


def gap(alpha: float, num_classes: int) -> float:
    """`margin_all - margin_others`, simplified."""
    return log(1 + 1 / ((1 - alpha) * (num_classes - 1)))


def entropy(true_mass: float, num_classes: int) -> float:
    """Of a target with this mass on the label and equal masses elsewhere, in nats."""
    other = (1 - true_mass) / (num_classes - 1)
    return -true_mass * log(true_mass) - (1 - true_mass) * log(other)


def optimum(
    num_classes: int, convention: Convention, generator: torch.Generator
) -> tuple[Float64[Tensor, " others"], float]:
    """The margin to each wrong class at the minimum of the loss, and the loss there; from random logits."""
    target = LabelSmoothing(num_classes, ALPHA, convention)
    start = torch.randn(1, num_classes, dtype=torch.float64, generator=generator)
    logits = minimise(lambda logits: target(logits, LABEL), start)
    return logits[0, 0] - logits[0, 1:], target(logits, LABEL).item()


def slopes(target: Target, margins: Float64[Tensor, " margins"]) -> Float64[Tensor, " margins"]:
    """How fast the loss of ten classes changes with the margin, all wrong classes being equal."""
    logits = torch.zeros(len(margins), CLASSES, dtype=torch.float64)
    logits[:, 0] = margins
    return logit_gradient(target, logits, LABEL.expand(len(margins)))[:, 0]


def measure(lab: Lab) -> Evidence:
    """Minima found by descent, and slopes by autograd."""
    generator = lab.generator("optimum")
    found = {(size, convention): optimum(size, convention, generator) for size in SIZES for convention in CONVENTIONS}
    mean = {key: margins.mean().item() for key, (margins, _) in found.items()}
    grid = torch.linspace(0, FARTHEST, 201, dtype=torch.float64)
    values = {place("endless", "one-hot"): slopes(OneHot(CLASSES), grid).max().item()}
    for convention in CONVENTIONS:
        values[place("endless", convention)] = slopes(LabelSmoothing(CLASSES, ALPHA, convention), grid).max().item()
        values[place("margin", convention)] = mean[CLASSES, convention]
        values[place("margin of all", convention)] = mean[CLASSES, convention]
        values[place("binary", convention)] = mean[2, convention]
        values[place("binary of all", convention)] = mean[2, convention]
        values[place("equal", convention)] = max(found[size, convention][0].var(correction=0).item() for size in SIZES)
        values[place("loss", convention)] = found[CLASSES, convention][1]
    for size in SIZES:
        values[place("classes", f"K = {size}")] = mean[size, "all"] - mean[size, "others"]
    return Evidence(values=values, figures={"loss": loss_figure(), "margins": margins_figure(lab)})


def loss_figure() -> CurvesFigure:
    """The loss of two classes against the margin."""
    margins = torch.linspace(0, 6, 121, dtype=torch.float64)
    logits = torch.stack([margins, torch.zeros_like(margins)], dim=1)
    kinds: dict[str, Target] = {
        "one-hot": OneHot(2),
        "all: lowest at ln 19": LabelSmoothing(2, ALPHA, "all"),
        "others: lowest at ln 9": LabelSmoothing(2, ALPHA, "others"),
    }
    labels = LABEL.expand(len(margins))
    return CurvesFigure(
        title=f"Loss against margin (2 classes, smoothing {ALPHA})",
        x_label="true logit minus the other one",
        y_label="loss in nats",
        x={name: tuple(margins.tolist()) for name in kinds},
        y={name: tuple(kind(logits, labels, reduction="none").tolist()) for name, kind in kinds.items()},
    )


def margins_figure(lab: Lab) -> CurvesFigure:
    """The margin at the minimum, found by descent, against the number of classes."""
    generator, sizes = lab.generator("optimum/figure"), (2, 3, 4, 6, 10, 15, 20)
    found = {
        convention: tuple(optimum(size, convention, generator)[0].mean().item() for size in sizes)
        for convention in CONVENTIONS
    }
    return CurvesFigure(
        title=f"Margin at the minimum of the loss (smoothing {ALPHA})",
        x_label="number of classes",
        y_label="true logit minus the mean of the others",
        x={convention: tuple(map(float, sizes)) for convention in CONVENTIONS},
        y=found,
    )


def both(expected: float, within: float = CLOSE) -> tuple[Case, ...]:
    """The same number for either convention."""
    return cases(CONVENTIONS, "equals", expected, within=within)


TRUE_MASSES: dict[Convention, float] = {"all": 1 - ALPHA + ALPHA / CLASSES, "others": 1 - ALPHA}

CLAIM = Claim(
    name="optimum",
    title="Optimum of the loss",
    source="Szegedy et al. 2016, section 7; the margins by setting p = t",
    statements=(
        Statement(
            key="endless",
            text="The loss falls as the margin grows, without end.",
            cases=cases(("one-hot", *CONVENTIONS), "below", 0.0),
        ),
        Statement(
            key="margin",
            text="The loss is lowest where the true logit leads by log((1 - alpha)/(alpha/(K - 1))).",
            cases=both(margin_others(ALPHA, CLASSES)),
        ),
        Statement(
            key="margin of all",
            text="The loss is lowest where the true logit leads by log(1 + K (1 - alpha)/alpha).",
            cases=both(margin_all(ALPHA, CLASSES)),
        ),
        Statement(
            key="binary",
            text="With two classes and alpha = 0.1 the true logit leads by ln 9.",
            cases=both(margin_others(ALPHA, 2)),
        ),
        Statement(
            key="binary of all",
            text="With two classes and alpha = 0.1 the true logit leads by ln 19.",
            cases=both(margin_all(ALPHA, 2)),
        ),
        Statement(
            key="classes",
            text="The two conventions differ by log(1 + 1/((1 - alpha)(K - 1))): visibly for few classes only.",
            cases=tuple(
                Case(key=f"K = {size}", relation="equals", expected=gap(ALPHA, size), within=CLOSE) for size in SIZES
            ),
        ),
        Statement(
            key="equal",
            text="At the optimum all wrong classes have the same logit: their variance is 0.",
            cases=both(0.0, within=CLOSE**2),
        ),
        Statement(
            key="loss",
            text="The lowest loss is not 0 but the entropy of the target.",
            cases=tuple(
                Case(key=key, relation="equals", expected=entropy(TRUE_MASSES[key], CLASSES), within=1e-9)
                for key in CONVENTIONS
            ),
        ),
    ),
    measure=measure,
)
