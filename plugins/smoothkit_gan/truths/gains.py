"""What a generator learns from the best discriminator: how its loss falls as its samples move to denser data."""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_gan.losses import generator_loss
from smoothkit_gan.trained import Levels
from smoothkit_gan.truths.labels import EXAMPLE, LABELS, NONE, ONE_SIDED, TWO_SIDED, Labels, optimal_logit

PLAIN, TURNED = "non-saturating", "saturating"
LOG10_RATIOS = torch.linspace(-6, 4, 41, dtype=torch.float64)
"""Of the data's density over the model's, at the samples."""
RARE, DENSE = 1e-6, 1e2
"""Such ratios where data are rare, and where they outweigh the model's samples."""
DATA, MODEL = (2.0, 0.5), (-1.0, 0.7)
"""Mean and standard deviation of two normal laws on a line."""
BULK = torch.linspace(-3, 1, 41, dtype=torch.float64)
"""Where nearly all samples of the model lie; the middle one is at its mean."""
ON_BOTH = (TWO_SIDED, "two-sided 0.25")
EXAMPLES = {
    **{name: (name, PLAIN) for name in (NONE, ONE_SIDED[0], *ON_BOTH)},
    **{f"{TURNED}, {name}": (name, TURNED) for name in (NONE, ONE_SIDED[0])},
}
"""Labels and loss of each case of the example."""
ASKED = (NONE, *ONE_SIDED, TWO_SIDED)
"""The labels whose equilibrium a generator asks for."""


def gains(
    labels: Labels, log_ratio: Float64[Tensor, " places"], loss: str = PLAIN, wanted: float = 1.0
) -> Float64[Tensor, " places"]:
    """How the generator's loss falls with log r, at the best discriminator; all that a sample learns from it.

    `wanted` is the generator's target.
    """
    at = log_ratio.clone().requires_grad_()
    levels = Levels(real=labels.real, fake=labels.fake, generator=wanted)
    losses = generator_loss(loss, labels.target(), levels, optimal_logit(labels, at).unsqueeze(1))
    return -torch.autograd.grad(losses.sum(), at)[0]


def gain(name: str, ratio: float, loss: str = PLAIN, wanted: float = 1.0) -> float:
    """The gain under the labels called `name` where the data are `ratio` times as dense as the model's samples."""
    return gains(LABELS[name], torch.tensor([math.log(ratio)], dtype=torch.float64), loss, wanted).item()


def pull(name: str, x: Float64[Tensor, " places"], loss: str = PLAIN) -> Float64[Tensor, " places"]:
    """The force on samples at `x`, between the two normal laws: the gain times the slope of log r."""
    log_ratio = log_density(x, *DATA) - log_density(x, *MODEL)
    slope = (x - MODEL[0]) / MODEL[1] ** 2 - (x - DATA[0]) / DATA[1] ** 2
    return slope * gains(LABELS[name], log_ratio, loss)


def log_density(x: Float64[Tensor, " places"], mean: float, std: float) -> Float64[Tensor, " places"]:
    """That of a normal law, but for a constant that is common to all."""
    return -((x - mean) / std).square() / 2 - math.log(std)


def gain_by_formula(labels: Labels, ratio: float, loss: str = PLAIN) -> float:
    """(1 - D*) s, or (D* - fake) s if saturating; s is the slope of the best logit in log r.

    s = r (real / (real r + fake) - (1 - real) / ((1 - real) r + 1 - fake)), which is 1 / (1 + alpha r) if one-sided.
    """
    real, fake = labels
    slope = ratio * (real / (real * ratio + fake) - (1 - real) / ((1 - real) * ratio + 1 - fake))
    best = (real * ratio + fake) / (1 + ratio)
    return slope * (best - fake if loss == TURNED else 1 - best)


def expected_pull(case: str) -> float:
    """That of an example at the mean of the model's samples, by formula."""
    name, loss = EXAMPLES[case]
    distance = DATA[0] - MODEL[0]
    ratio = MODEL[1] / DATA[1] * math.exp(-((distance / DATA[1]) ** 2) / 2)
    return distance / DATA[1] ** 2 * gain_by_formula(LABELS[name], ratio, loss)


def measure(_: object) -> Evidence:
    """Gains and forces, as they are and against those without smoothing."""
    log_ratios = LOG10_RATIOS * math.log(10)
    values = {}
    for name in ONE_SIDED:
        values[place("no-op", name)] = (pull(name, BULK) / pull(NONE, BULK) - 1).abs().max().item()
        ratio = gains(LABELS[name], log_ratios, TURNED) / gains(LABELS[NONE], log_ratios, TURNED)
        values[place("turned", name)] = ratio.max().item()
    for name in ON_BOTH:
        values[place("fakes", name)] = gain(name, RARE) / gain(NONE, RARE)
    for name in ASKED:
        level = LABELS[name].equilibrium
        values[place("rare", name)] = gain(name, RARE, TURNED)
        values[place("content", name)] = gain(name, 1.0, wanted=level)
        values[place("away", name)] = gain(name, DENSE, wanted=level)
        if name != TWO_SIDED:
            values[place("asks", name)] = gain(name, RARE, wanted=level)
    for case, (name, loss) in EXAMPLES.items():
        values[place("example", case)] = pull(name, BULK, loss)[len(BULK) // 2].item()
    return Evidence(values=values, figures={"gain": figure()})


def figure() -> CurvesFigure:
    """Gains against the density ratio; their logarithms, as they span so much."""
    shown = {
        "non-saturating, none": (NONE, PLAIN),
        "one-sided (the same)": (ONE_SIDED[0], PLAIN),
        "two-sided": (TWO_SIDED, PLAIN),
        "saturating, none": (NONE, TURNED),
        "saturating, one-sided": (ONE_SIDED[0], TURNED),
    }
    found = {key: gains(LABELS[name], LOG10_RATIOS * math.log(10), loss) for key, (name, loss) in shown.items()}
    return CurvesFigure(
        title=f"What the generator gains (smoothing {EXAMPLE})",
        x_label="log10 of the data's density over the model's",
        y_label="log10 of the fall of its loss",
        x=dict.fromkeys(found, tuple(LOG10_RATIOS.tolist())),
        y={key: tuple(each.log10().tolist()) for key, each in found.items()},
    )


def numbers(expected: dict[str, float], relative: float) -> tuple[Case, ...]:
    """Cases that are to equal these numbers, up to a share of each."""
    return tuple(
        Case(key=key, relation="equals", expected=number, within=relative * abs(number))
        for key, number in expected.items()
    )


CLAIM = Claim(
    name="gains",
    title="What the generator gains at the best discriminator",
    source="the derivative of the generator's loss in log r; its optimum by Goodfellow 2016 (arXiv 1701.00160)",
    statements=(
        Statement(
            key="no-op",
            text="One-sided smoothing leaves the non-saturating gradient as it is: the relative change is 0.",
            cases=cases(ONE_SIDED, "equals", 0.0, within=1e-6),
        ),
        Statement(
            key="fakes",
            text=f"Smoothed labels of fakes take it away where data are rare: of it (real - fake) r / fake is left "
            f"(r = {RARE:g}).",
            cases=numbers({name: (LABELS[name].real / LABELS[name].fake - 1) * RARE for name in ON_BOTH}, 1e-3),
        ),
        Statement(
            key="turned",
            text="The saturating loss is not rescued: one-sided smoothing leaves at most 1 - alpha of its gradient.",
            cases=numbers({name: LABELS[name].real for name in ONE_SIDED}, 1e-5),
        ),
        Statement(
            key="rare",
            text=f"Where data are rare (r = {RARE:g}) the saturating loss has next to no gradient, smoothed or not.",
            cases=cases(ASKED, "below", 1e-5),
        ),
        Statement(
            key="example",
            text="Between fakes N(-1, 0.7²) and data N(2, 0.5²) the force on the middle fake is that of the formula.",
            cases=numbers({case: expected_pull(case) for case in EXAMPLES}, 1e-6),
        ),
        Statement(
            key="content",
            text="A generator that asks for the equilibrium, (real + fake)/2, is content where both densities agree.",
            cases=cases(ASKED, "equals", 0.0, within=1e-9),
        ),
        Statement(
            key="asks",
            text="Where data are rare it has (1 - alpha)/2 of the gradient of one that asks for 1.",
            cases=numbers({name: LABELS[name].equilibrium for name in (NONE, *ONE_SIDED)}, 1e-5),
        ),
        Statement(
            key="away",
            text=f"Where data outweigh its samples (r = {DENSE:g}) it drives them away.",
            cases=cases(ASKED, "below", 0.0),
        ),
    ),
    measure=measure,
)
