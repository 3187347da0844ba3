"""How far apart the true logit and the others end up, and how features gather by class."""

from collections.abc import Mapping
from math import log

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.metrics import margins
from smoothkit.metrics.collapse import NeuralCollapse, neural_collapse
from smoothkit.report.figures import CurvesFigure, MatrixFigure
from smoothkit_principles.claims.dynamics import epoch_figure, trained
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import TrainedNetwork, outputs

CLASSES, ALPHA = 10, 0.1
SMOOTHED = ("all", "others")
KINDS = ("one-hot", *SMOOTHED)

OPTIMA = {
    "all": log(1 + CLASSES * (1 - ALPHA) / ALPHA),
    "others": log((1 - ALPHA) / (ALPHA / (CLASSES - 1))),
}
"""The margin at the lowest loss, log(t_y / t_k)."""
CLOSE = (OPTIMA["all"] - OPTIMA["others"]) / 4
"""How near its optimum a mean of margins has reached it, in logits: so near that it is not near the other one."""


def above_mean(
    logits: Float[Tensor, "samples classes"], labels: Int64[Tensor, " samples"]
) -> Float64[Tensor, " samples"]:
    """The true logit minus the mean of the others."""
    logits = logits.double()
    own = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return own - (logits.sum(dim=1) - own) / (logits.shape[1] - 1)


def last_features(
    network: TrainedNetwork, lab: Lab
) -> tuple[Float[Tensor, "samples features"], Int64[Tensor, " samples"], nn.Module]:
    """What the last layer reads on the training part, the labels, and that layer."""
    *body, head = network.model.get_submodule("layers").children()
    features, labels = outputs(nn.Sequential(*body), lab.data, lab.data.train)
    return features, labels, head


def scatter(features: Float[Tensor, "samples features"], labels: Int64[Tensor, " samples"]) -> tuple[float, float]:
    """The mean squared distance of samples from their class's mean, and of class means from their centre."""
    wide = features.double()
    means = torch.stack([wide[labels == label].mean(dim=0) for label in labels.unique()])
    within = (wide - means[labels]).square().sum(dim=1).mean()
    between = (means - means.mean(dim=0)).square().sum(dim=1).mean()
    return within.item(), between.item()


def collapse_of(network: TrainedNetwork, lab: Lab) -> NeuralCollapse:
    """How near the features of the training part are to neural collapse."""
    features, labels, head = last_features(network, lab)
    weight, bias = (head.get_parameter(name).detach().cpu() for name in ("weight", "bias"))
    return neural_collapse(features, labels, weight, bias)


def statistics(found: NeuralCollapse) -> dict[str, float]:
    """The statistics of neural collapse, each 0 where it is complete."""
    return {
        "NC1": found.variability.item(),
        "NC2 lengths": found.means.norm_variation.item(),
        "NC2 angles": found.means.angle_deviation.item(),
        "NC3": found.duality.item(),
        "1 - NC4": 1 - found.agreement.item(),
    }


COLLAPSE = ("NC1", "NC2 lengths", "NC2 angles", "NC3", "1 - NC4")


def margin_values(network: TrainedNetwork, plain: TrainedNetwork, lab: Lab) -> dict[str, float]:
    """What the statements about margins are about, by key; on test samples against `plain`, or on training samples."""
    last, other = network.epochs[-1], plain.epochs[-1]
    variance = last.margin_variance / other.margin_variance
    mean = last.margin_mean / other.margin_mean
    logits, labels = outputs(network.model, lab.data, lab.data.train)
    return {
        "smaller": mean,
        "alike": variance,
        "relative": variance / mean**2,
        "nearest": margins(logits, labels).mean().item(),
        "reached": (average := above_mean(logits, labels).mean().item()),
        "passed": average,
    }


def measure(lab: Lab) -> Evidence:
    """Margins over training, and what became of the features."""
    networks = trained(lab)
    plain = networks["one-hot"]
    scatters = {name: scatter(*last_features(network, lab)[:2]) for name, network in networks.items()}
    found = {name: statistics(collapse_of(network, lab)) for name, network in networks.items()}
    values = {}
    for name, network in networks.items():
        values[place("together", name)] = network.epochs[-1].margin_variance / network.epochs[0].margin_variance
    for name in SMOOTHED:
        for statement, value in margin_values(networks[name], plain, lab).items():
            values[place(statement, name)] = value
        within, between = (own / other for own, other in zip(scatters[name], scatters["one-hot"], strict=True))
        values[place("tighter", name)] = within
        values[place("apart", name)] = within / between
        for key, value in found[name].items():
            values[place("collapse", f"{key} of {name}")] = value - found["one-hot"][key]
    return Evidence(values=values, figures=figures(networks, found))


def figures(
    networks: Mapping[str, TrainedNetwork], found: Mapping[str, Mapping[str, float]]
) -> dict[str, CurvesFigure | MatrixFigure]:
    """Margins by epoch and by sample, and the statistics of neural collapse."""
    return {
        "mean": epoch_figure(networks, "Mean of test margins", "logits", lambda epoch: epoch.margin_mean),
        "variance": epoch_figure(
            networks, "Variance of test margins", "squared logits", lambda epoch: epoch.margin_variance
        ),
        "distribution": distribution_figure(networks),
        "collapse": MatrixFigure(
            title=f"Neural collapse: 0 if complete (smoothing {ALPHA})",
            values=tuple(tuple(found[name].values()) for name in networks),
            rows=tuple(networks),
            columns=COLLAPSE,
            row_label="target",
            column_label="statistic",
        ),
    }


def distribution_figure(networks: Mapping[str, TrainedNetwork]) -> CurvesFigure:
    """The margin below which each share of the test samples lies."""
    shares = torch.linspace(0, 1, 101, dtype=torch.float64)
    return CurvesFigure(
        title=f"Margins of test samples after training (smoothing {ALPHA})",
        x_label="share of samples with a smaller margin",
        y_label="true minus largest other logit",
        x={name: tuple(shares.tolist()) for name in networks},
        y={
            name: tuple(margins(network.logits, network.labels).quantile(shares).tolist())
            for name, network in networks.items()
        },
    )


CLAIM = Claim(
    name="margins",
    title="Margins and features",
    source="Müller et al. 2019, When Does Label Smoothing Help?; Papyan et al. 2020 on neural collapse",
    statements=(
        Statement(
            key="smaller",
            text="Smoothing makes the mean margin of test samples smaller.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="alike",
            text="Smoothing makes margins more alike: their variance is smaller.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="relative",
            text="It does so for their size as well: their variance over their squared mean is smaller.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="together",
            text="Margins draw together in training: their variance ends below that after one epoch.",
            cases=cases(KINDS, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="nearest",
            text="Training samples reach the optimal margin log(t_y / t_k) over the nearest wrong class.",
            cases=cases(SMOOTHED, "equals", OPTIMA, within=CLOSE),
            of_training=True,
        ),
        Statement(
            key="reached",
            text="On average they reach it over the mean of the wrong classes.",
            cases=cases(SMOOTHED, "equals", OPTIMA, within=CLOSE),
            of_training=True,
        ),
        Statement(
            key="passed",
            text="On average over the mean of the wrong classes they pass it.",
            cases=cases(SMOOTHED, "above", OPTIMA),
            of_training=True,
        ),
        Statement(
            key="tighter",
            text="Smoothing draws the features of a class together: their scatter is smaller.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="apart",
            text="It separates the classes: that scatter is smaller in units of the scatter between classes.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="collapse",
            text="Smoothing brings the features nearer to neural collapse.",
            cases=cases([f"{key} of {name}" for key in COLLAPSE for name in SMOOTHED], "below", 0.0),
            of_training=True,
        ),
    ),
    measure=measure,
)
