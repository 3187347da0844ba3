"""How training goes, epoch by epoch, with smoothing and without."""

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import Epoch, TrainedNetwork

CLASSES, ALPHA = 10, 0.1
EARLY = 3
"""Epochs over which early learning is judged."""
CLOSE = 0.02
"""How near the confidence must come to a mass to have settled there."""
MOST = 0.95
"""A share that is nearly all samples."""
SMOOTHED = ("all", "others")
TRUE_MASS = {"all": 1 - ALPHA + ALPHA / CLASSES, "others": 1 - ALPHA}
"""The target's mass of the true class, t_y."""


def trained(lab: Lab) -> dict[str, TrainedNetwork]:
    """The networks that are compared; of one seed they start from the same weights and see the same batches."""
    return {
        "one-hot": lab.network("onehot"),
        "all": lab.network("ls", alpha=ALPHA, convention="all"),
        "others": lab.network("ls", alpha=ALPHA, convention="others"),
    }


def measure(lab: Lab) -> Evidence:
    """Differences and ratios between the courses of training."""
    networks = trained(lab)
    plain = networks["one-hot"].epochs
    values = {}
    for name in SMOOTHED:
        found = compared(networks[name].epochs, plain) | pointwise(networks[name].logits, networks["one-hot"].logits)
        values |= {place(statement, name): value for statement, value in found.items()}
    return Evidence(values=values, figures=figures(networks))


def compared(epochs: tuple[Epoch, ...], plain: tuple[Epoch, ...]) -> dict[str, float]:
    """What each statement is about, by its key: the course of training with smoothing against `plain`, without."""
    pairs = list(zip(epochs, plain, strict=True))
    early, (first, plain_first), (last, plain_last) = pairs[:EARLY], pairs[0], pairs[-1]
    return {
        "slower": sum(smooth.accuracy - other.accuracy for smooth, other in early) / len(early),
        "accuracy": last.accuracy - plain_last.accuracy,
        "confidence": max(smooth.confidence - other.confidence for smooth, other in pairs),
        "capped": max(epoch.confidence for epoch in epochs),
        "settled": last.confidence,
        "gradient-early": first.gradient_norm / plain_first.gradient_norm,
        "gradient-late": last.gradient_norm / plain_last.gradient_norm,
        "weights": last.weight_norm / plain_last.weight_norm,
    }


def pointwise(logits: Float[Tensor, "samples classes"], plain: Float[Tensor, "samples classes"]) -> dict[str, float]:
    """What is said of each sample, by key: its confidence at the end against that by `plain`, without smoothing."""
    rise = logits.double().softmax(dim=1).amax(dim=1) - plain.double().softmax(dim=1).amax(dim=1)
    return {"every": rise.max().item(), "most": (rise < 0).double().mean().item()}


def epoch_figure(
    networks: Mapping[str, TrainedNetwork], title: str, label: str, value: Callable[[Epoch], float]
) -> CurvesFigure:
    """One number of each epoch, a curve per network."""
    return CurvesFigure(
        title=f"{title} (digits, smoothing {ALPHA})",
        x_label="epoch",
        y_label=label,
        x={name: tuple(map(float, range(1, len(network.epochs) + 1))) for name, network in networks.items()},
        y={name: tuple(map(value, network.epochs)) for name, network in networks.items()},
    )


def figures(networks: Mapping[str, TrainedNetwork]) -> dict[str, CurvesFigure]:
    """What the networks did in each epoch."""
    return {
        "accuracy": epoch_figure(networks, "Test accuracy", "share of test samples", lambda epoch: epoch.accuracy),
        "confidence": epoch_figure(networks, "Test confidence", "mean top probability", lambda epoch: epoch.confidence),
        "gradient": epoch_figure(
            networks,
            "Gradient of the weights",
            "mean norm over its steps",
            lambda epoch: epoch.gradient_norm,
        ),
        "weights": epoch_figure(
            networks, "Size of the weights", "norm at the end of the epoch", lambda epoch: epoch.weight_norm
        ),
    }


CLAIM = Claim(
    name="dynamics",
    title="Course of training",
    source="measured: a perceptron on digits, with smoothing and without, from the same start",
    statements=(
        Statement(
            key="slower",
            text=f"Smoothing slows early learning: over the first {EARLY} epochs fewer test samples are right.",
            cases=cases(SMOOTHED, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="accuracy",
            text="At the end more test samples are right.",
            cases=cases(SMOOTHED, "above", 0.0),
            of_training=True,
        ),
        Statement(
            key="confidence",
            text="In every epoch mean confidence on test samples is below that without smoothing.",
            cases=cases(SMOOTHED, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="every",
            text="Smoothing lowers the confidence in every test sample: the largest rise is below 0.",
            cases=cases(SMOOTHED, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="most",
            text=f"It lowers it in over {100 * MOST:.0f} % of them.",
            cases=cases(SMOOTHED, "above", MOST),
            of_training=True,
        ),
        Statement(
            key="capped",
            text="In no epoch does mean confidence exceed the mass of the true class, t_y.",
            cases=cases(SMOOTHED, "below", TRUE_MASS),
            of_training=True,
        ),
        Statement(
            key="settled",
            text="It settles at t_y.",
            cases=cases(SMOOTHED, "equals", TRUE_MASS, within=CLOSE),
            of_training=True,
        ),
        Statement(
            key="gradient-early",
            text="In the first epoch the gradient of the weights is smaller with smoothing.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="gradient-late",
            text="In the last epoch it is larger.",
            cases=cases(SMOOTHED, "above", 1.0),
            of_training=True,
        ),
        Statement(
            key="weights",
            text="The weights end up smaller with smoothing.",
            cases=cases(SMOOTHED, "below", 1.0),
            of_training=True,
        ),
    ),
    measure=measure,
)
