"""How long the gradient in the logits is, early and late, and which way it points."""

from collections.abc import Mapping
from math import sqrt

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot, Target
from smoothkit_principles.claims.dynamics import CLASSES as DIGITS
from smoothkit_principles.claims.dynamics import trained
from smoothkit_principles.claims.gradient import logit_gradient
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import outputs

CLASSES, ALPHA = 5, 0.1
"""Of the formulas; the networks tell `DIGITS` apart."""
LATE = 0.99
"""The true class's probability late in training."""
ROWS, HALVINGS = 64, 60
EXACT = 1e-9
NEAR_EVEN = 0.005
"""How far the predictions of an untrained network, which are not quite equal, may take a ratio from its formula."""
SMOOTHED = ("all", "others")
SampleGradients = Mapping[str, Mapping[str, Float64[Tensor, "samples classes"]]]
"""By state, `untrained` or `trained`, and by target."""
TRUE_MASS = {"all": 1 - ALPHA + ALPHA / CLASSES, "others": 1 - ALPHA}
"""The target's mass of the true class, t_y."""


def shift(convention: str, num_classes: int) -> float:
    """What smoothing moves from the true class to the others, against one other: 1 - t_y + t_k.

    It is alpha for `all` and alpha K/(K - 1) for `others`.

    >>> round(shift("all", 5), 6), round(shift("others", 5), 6)
    (0.1, 0.125)
    """
    return ALPHA if convention == "all" else ALPHA * num_classes / (num_classes - 1)


def kinds(num_classes: int) -> dict[str, Target]:
    """The targets that are compared."""
    return {
        "one-hot": OneHot(num_classes),
        "all": LabelSmoothing(num_classes, ALPHA, "all"),
        "others": LabelSmoothing(num_classes, ALPHA, "others"),
    }


def gradients_at(
    target: Target, p_true: Float64[Tensor, " rows"], rest: Float64[Tensor, "rows others"]
) -> Float64[Tensor, "rows classes"]:
    """The gradient of each row's loss in the logits; class 0 is true, and `rest` says how the others share 1 - p_y."""
    p = torch.cat([p_true.unsqueeze(1), (1 - p_true).unsqueeze(1) * rest], dim=1)
    return logit_gradient(target, p.log(), torch.zeros(len(p), dtype=torch.int64))


def even(rows: int) -> Float64[Tensor, "rows others"]:
    """All wrong classes equally probable."""
    return torch.full((rows, CLASSES - 1), 1 / (CLASSES - 1), dtype=torch.float64)


def crossover(target: Target, rest: Float64[Tensor, "rows others"]) -> Float64[Tensor, " rows"]:
    """The p_y above which the gradient is longer than that of one-hot labels, by bisection."""
    low = torch.full((len(rest),), 1 / CLASSES, dtype=torch.float64)
    high = torch.ones_like(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        longer = gradients_at(target, middle, rest).norm(dim=1) > gradients_at(OneHot(CLASSES), middle, rest).norm(
            dim=1
        )
        low, high = torch.where(longer, low, middle), torch.where(longer, middle, high)
    return (low + high) / 2


def formula_values(generator: torch.Generator) -> dict[str, float]:
    """What the statements about formulas are about, by `place`."""
    start, late = torch.tensor([1 / CLASSES, LATE], dtype=torch.float64).split(1)
    rest = torch.rand(ROWS, CLASSES - 1, dtype=torch.float64, generator=generator)
    rest = rest / rest.sum(dim=1, keepdim=True)
    anywhere = torch.rand(ROWS, dtype=torch.float64, generator=generator)
    plain = {
        "start": gradients_at(OneHot(CLASSES), start, even(1)),
        "late": gradients_at(OneHot(CLASSES), late, even(1)),
    }
    plain_pull = margin_pull(gradients_at(OneHot(CLASSES), anywhere, rest))
    values = {}
    for name in SMOOTHED:
        target = kinds(CLASSES)[name]
        begun, ended = gradients_at(target, start, even(1)), gradients_at(target, late, even(1))
        crossings = crossover(target, rest)
        moved = margin_pull(gradients_at(target, anywhere, rest)) - plain_pull
        found = {
            "early": (begun.norm() / plain["start"].norm()).item(),
            "late": (ended.norm() / plain["late"].norm()).item(),
            "late-length": ended.norm().item(),
            "crossover": crossings.mean().item(),
            "halfway": (crossings - (1 + TRUE_MASS[name]) / 2).abs().max().item(),
            "upwards": ended[0, 0].item(),
            "margin": farthest(moved, ALPHA),
            "margin-exact": farthest(moved, shift(name, CLASSES)),
        }
        found |= {"early-exact": found["early"], "turned": found["upwards"]}
        values |= {place(statement, name): value for statement, value in found.items()}
    return values


def margin_pull(gradient: Float64[Tensor, "rows classes"]) -> Float64[Tensor, "rows others"]:
    """The gradient on the true logit less that on each other: descent changes the margins by its negative."""
    return gradient[:, :1] - gradient[:, 1:]


def farthest(values: Float64[Tensor, "rows others"], expected: float) -> float:
    """The value that is farthest from what is expected."""
    flat = values.flatten()
    return flat[(flat - expected).abs().argmax()].item()


def sample_gradients(lab: Lab) -> tuple[SampleGradients, Int64[Tensor, " samples"]]:
    """Each training sample's gradient, before and after training against the target in question; and the labels."""
    found = {"untrained": {}, "trained": {}}
    targets = kinds(lab.data.num_classes)
    start, labels = outputs(lab.fresh_network(), lab.data, lab.data.train)
    for name, network in trained(lab).items():
        end, _ = outputs(network.model, lab.data, lab.data.train)
        found["untrained"][name] = logit_gradient(targets[name], start.double(), labels)
        found["trained"][name] = logit_gradient(targets[name], end.double(), labels)
    return found, labels


def training_values(found: SampleGradients, labels: Int64[Tensor, " samples"]) -> dict[str, float]:
    """What the statements about training are about, by `place`."""
    values = {}
    plain = {state: by_name["one-hot"].norm(dim=1).mean() for state, by_name in found.items()}
    for name in SMOOTHED:
        for state, by_name in found.items():
            values[place(state, name)] = (by_name[name].norm(dim=1).mean() / plain[state]).item()
        own = found["trained"][name].gather(1, labels.unsqueeze(1))
        values[place("overshot", name)] = (own > 0).double().mean().item()
    return values


def measure(lab: Lab) -> Evidence:
    """The formulas at chosen predictions, and real gradients before and after training."""
    found, labels = sample_gradients(lab)
    values = formula_values(lab.generator("gradient-norms")) | training_values(found, labels)
    return Evidence(values=values, figures={"length": length_figure(), "samples": samples_figure(found["trained"])})


def length_figure() -> CurvesFigure:
    """The length of the gradient against the true class's probability."""
    p_true = torch.linspace(1 / CLASSES, 0.999, 200, dtype=torch.float64)
    rest = even(len(p_true))
    return CurvesFigure(
        title=f"Length of the gradient ({CLASSES} classes, smoothing {ALPHA})",
        x_label="probability of the true class",
        y_label="gradient norm, per unit of logit",
        x={name: tuple(p_true.tolist()) for name in kinds(CLASSES)},
        y={
            name: tuple(gradients_at(target, p_true, rest).norm(dim=1).tolist())
            for name, target in kinds(CLASSES).items()
        },
    )


def samples_figure(gradients: Mapping[str, Float64[Tensor, "samples classes"]]) -> CurvesFigure:
    """How long the gradient of what share of the training samples is, after training."""
    shares = torch.linspace(0, 1, 101, dtype=torch.float64)
    return CurvesFigure(
        title=f"Training samples after training (smoothing {ALPHA})",
        x_label="share of samples with a shorter gradient",
        y_label="gradient norm, per unit of logit",
        x={name: tuple(shares.tolist()) for name in gradients},
        y={name: tuple(gradient.norm(dim=1).quantile(shares).tolist()) for name, gradient in gradients.items()},
    )


def _equal(expected: Mapping[str, float], within: float = EXACT) -> tuple[Case, ...]:
    return cases(SMOOTHED, "equals", expected, within=within)


CLAIM = Claim(
    name="gradient-norms",
    title="Gradient norms",
    source="the gradient p - t; training: a perceptron on digits",
    statements=(
        Statement(
            key="early",
            text="Where all classes are equally probable, smoothing makes the gradient 1 - alpha times as long.",
            cases=_equal(dict.fromkeys(SMOOTHED, 1 - ALPHA)),
        ),
        Statement(
            key="early-exact",
            text="There it is 1 - alpha times as long for all, 1 - alpha K/(K - 1) times for others.",
            cases=_equal({key: 1 - shift(key, CLASSES) for key in SMOOTHED}),
        ),
        Statement(
            key="late",
            text=f"Late, at p_y = {LATE}, smoothing makes the gradient longer.",
            cases=cases(SMOOTHED, "above", 1.0),
        ),
        Statement(
            key="late-length",
            text="There, wrong classes being alike, its length is |p_y - t_y| sqrt(K/(K - 1)).",
            # p - t is p_y - t_y on the true class and -(p_y - t_y)/(K - 1) on each other.
            cases=_equal({key: abs(LATE - TRUE_MASS[key]) * sqrt(CLASSES / (CLASSES - 1)) for key in SMOOTHED}),
        ),
        Statement(
            key="crossover",
            text="The gradients with and without smoothing are equally long at p_y = 1 - alpha/2.",
            cases=_equal(dict.fromkeys(SMOOTHED, 1 - ALPHA / 2)),
        ),
        Statement(
            key="halfway",
            # |p - t| = |p - e_y| is a plane on which p_y (1 - t_y + t_k) - t_k is constant, whatever the rest is.
            text="They are at p_y = (1 + t_y)/2, however the wrong classes share the rest.",
            cases=_equal(dict.fromkeys(SMOOTHED, 0.0)),
        ),
        Statement(
            key="upwards",
            text=f"The longer gradient at p_y = {LATE} still raises the true class's probability.",
            cases=cases(SMOOTHED, "below", 0.0),
        ),
        Statement(
            key="turned",
            text="It lowers it: on the true logit it is p_y - t_y, positive above t_y.",
            cases=_equal({key: LATE - TRUE_MASS[key] for key in SMOOTHED}),
        ),
        Statement(
            key="margin",
            text="Smoothing adds alpha to the gradient on every margin, whatever the prediction.",
            cases=_equal(dict.fromkeys(SMOOTHED, ALPHA)),
        ),
        Statement(
            key="margin-exact",
            text="It adds alpha for all, alpha K/(K - 1) for others.",
            cases=_equal({key: shift(key, CLASSES) for key in SMOOTHED}),
        ),
        Statement(
            key="untrained",
            text=f"On digits, before training, the mean gradient is shorter by that factor, K being {DIGITS}.",
            cases=_equal({key: 1 - shift(key, DIGITS) for key in SMOOTHED}, NEAR_EVEN),
            of_training=True,
        ),
        Statement(
            key="trained",
            text="After training the mean gradient on training samples is longer with smoothing.",
            cases=cases(SMOOTHED, "above", 1.0),
            of_training=True,
        ),
        Statement(
            key="overshot",
            text="Then it lowers the true class's probability on most of them.",
            cases=cases(SMOOTHED, "above", 0.5),
            of_training=True,
        ),
    ),
    measure=measure,
)
