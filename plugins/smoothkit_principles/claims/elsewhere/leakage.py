"""Federated learning: what the gradient of one sample says of its label."""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.claims.claim import Case, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot, Target
from smoothkit_principles.claims.gradient import logit_gradient

CLASSES, ALPHA, FEATURES, SAMPLES = 10, 0.1, 16, 1000
SMOOTHED = ("all", "others")
ATTACKS = ("only negative entry", "smallest entry", "knows p")


def distance_all(alpha: float) -> float:
    """The squared distance of two labels' gradients, `|t_i - t_j|^2 = 2 (t_y - t_k)^2`, for "all"."""
    return 2 * (1 - alpha) ** 2


def distance_others(alpha: float) -> float:
    """The same for "others"."""
    return 2 * (1 - alpha - alpha / (CLASSES - 1)) ** 2


def kinds() -> dict[str, Target]:
    """The targets that are compared."""
    return {
        "one-hot": OneHot(CLASSES),
        "all": LabelSmoothing(CLASSES, ALPHA, "all"),
        "others": LabelSmoothing(CLASSES, ALPHA, "others"),
    }


def squared_distance(target: Target, logits: Float64[Tensor, "samples classes"]) -> float:
    """Between the gradients of two labels at the same logits: the largest over samples."""
    first, second = (logit_gradient(target, logits, torch.full((len(logits),), label)) for label in (0, 1))
    return (first - second).square().sum(dim=1).max().item()


def recovered(target: Target, generator: torch.Generator) -> dict[str, float]:
    """The share of labels that each attack finds, from the gradient of a linear layer for one sample.

    The layer is sure of its predictions, and most labels agree with them, as after training.
    """
    features = torch.randn(SAMPLES, FEATURES, dtype=torch.float64, generator=generator)
    weight = torch.randn(CLASSES, FEATURES, dtype=torch.float64, generator=generator)
    bias = torch.randn(CLASSES, dtype=torch.float64, generator=generator)
    right = (features @ weight.T + bias).argmax(dim=1)
    drawn = torch.randint(CLASSES, (SAMPLES,), generator=generator)
    labels = torch.where(torch.rand(SAMPLES, generator=generator) < 0.9, right, drawn)
    weight_gradient, bias_gradient = layer_gradients(target, features, weight, bias, labels)
    negative = bias_gradient < 0
    guesses = {
        "smallest entry": bias_gradient.argmin(dim=1),
        "knows p": known_prediction(weight_gradient, bias_gradient, weight, bias),
    }
    shares = {name: (guess == labels).double().mean().item() for name, guess in guesses.items()}
    only = (negative.sum(dim=1) == 1) & negative.gather(1, labels.unsqueeze(1)).squeeze(1)
    return {"only negative entry": only.double().mean().item(), **shares}


def layer_gradients(
    target: Target,
    features: Float64[Tensor, "samples features"],
    weight: Float64[Tensor, "classes features"],
    bias: Float64[Tensor, " classes"],
    labels: Int64[Tensor, " samples"],
) -> tuple[Float64[Tensor, "samples classes features"], Float64[Tensor, "samples classes"]]:
    """The gradients of each sample's loss with respect to a copy of the layer that is its own."""
    weights = weight.repeat(len(features), 1, 1).requires_grad_()
    biases = bias.repeat(len(features), 1).requires_grad_()
    logits = (weights @ features.unsqueeze(2)).squeeze(2) + biases
    of_weights, of_biases = torch.autograd.grad(target(logits, labels, reduction="sum"), (weights, biases))
    return of_weights, of_biases


def known_prediction(
    weight_gradient: Float64[Tensor, "samples classes features"],
    bias_gradient: Float64[Tensor, "samples classes"],
    weight: Float64[Tensor, "classes features"],
    bias: Float64[Tensor, " classes"],
) -> Int64[Tensor, " samples"]:
    """The label as an attacker finds it who has the gradient and the layer, and nothing else.

    One row of the weights' gradient over its entry of the bias's is the feature; it gives p, and p - gradient is t.
    """
    row = bias_gradient.abs().argmax(dim=1, keepdim=True)
    own = weight_gradient.gather(1, row.unsqueeze(2).expand(-1, -1, weight.shape[1])).squeeze(1)
    features = own / bias_gradient.gather(1, row)
    p = (features @ weight.T + bias).softmax(dim=1)
    return (p - bias_gradient).argmax(dim=1)


def measure(generator: torch.Generator) -> dict[str, float]:
    """Distances between gradients, and the shares of labels that attacks find."""
    logits = 3 * torch.randn(SAMPLES, CLASSES, dtype=torch.float64, generator=generator)
    shares = {name: recovered(target, generator) for name, target in kinds().items()}
    values = {place("only negative entry", name): found["only negative entry"] for name, found in shares.items()}
    for name in SMOOTHED:
        distance = squared_distance(kinds()[name], logits)
        values[place("gradient distance", name)] = values[place("gradient distance of others", name)] = distance
        values[place("hidden", name)] = shares[name]["knows p"]
    return values


def figure(generator: torch.Generator) -> CurvesFigure:
    """The share of labels found against alpha."""
    alphas = tuple(number / 20 for number in range(17))
    found = [recovered(LabelSmoothing(CLASSES, alpha, "all"), generator) for alpha in alphas]
    return CurvesFigure(
        title="Labels found in the gradient of one sample",
        x_label="smoothing alpha",
        y_label="share of labels found",
        x={attack: alphas for attack in ATTACKS},
        y={attack: tuple(shares[attack] for shares in found) for attack in ATTACKS},
    )


def both(expected: float) -> tuple[Case, ...]:
    """The same number for either convention."""
    return cases(SMOOTHED, "equals", expected, within=1e-9)


STATEMENTS = (
    Statement(
        key="gradient distance",
        text="The squared distance between the gradients of two labels is 2 (1 - alpha)^2.",
        cases=both(distance_all(ALPHA)),
    ),
    Statement(
        key="gradient distance of others",
        text="The squared distance between the gradients of two labels is 2 (1 - alpha - alpha/(K - 1))^2.",
        cases=both(distance_others(ALPHA)),
    ),
    Statement(
        key="only negative entry",
        text="The label is the only negative entry of the gradient.",
        cases=cases(("one-hot", *SMOOTHED), "equals", 1.0),
    ),
    Statement(
        key="hidden",
        text="Smoothing hides labels from a server that knows the model and sees the gradient.",
        cases=cases(SMOOTHED, "below", 0.99),
    ),
)
