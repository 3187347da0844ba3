"""Confirmation bias as numbers: what pseudo-labels are worth, and whether errors stay, grow or go.

All of it needs the true labels of the unlabelled samples, which only an evaluation has. A value is NaN where it is not
defined: the accuracy of what is selected where nothing is, say.
"""

import math
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from smoothkit.metrics import Reliability, calibration_error_of, confidence_gap_of, reliability_of
from smoothkit_selftrain.chronicle import Chronicle, Noted

Classes = Int64[Tensor, " samples"]
Weights = Float[Tensor, " samples"]
Which = Bool[Tensor, " samples"]


def state(noted: Noted, truth: Classes, num_classes: int) -> dict[str, float]:
    """What pseudo-labels are worth at one time, by name.

    `selected_share` is their mean weight, `accuracy` the share that is right, and `accuracy_selected` that among those
    selected, each with its weight; `confidence_wrong` is the mean confidence of the wrong ones, `ece` the expected
    calibration error of all (15 bins), `gap` their mean confidence minus their accuracy. `class_divergence` says how
    far the classes' shares are off the true ones, and `class_divergence_selected` the same of the selected ones.
    """
    right, weights = noted.classes == truth, noted.weights.double()
    bins = bins_of(noted, truth)
    true_shares = class_shares(truth, torch.ones_like(weights), num_classes)
    everyone, selected = (class_shares(noted.classes, each, num_classes) for each in (weights * 0 + 1, weights))
    return {
        "selected_share": weights.mean().item(),
        "accuracy": right.double().mean().item(),
        "accuracy_selected": share(right, weights),
        "confidence_wrong": noted.confidence.double()[~right].mean().item(),
        "ece": calibration_error_of(bins).item(),
        "gap": confidence_gap_of(bins).item(),
        "class_divergence": divergence(everyone, true_shares),
        "class_divergence_selected": divergence(selected, true_shares),
    }


def change(first: Noted, now: Noted, truth: Classes) -> dict[str, float]:
    """What became of the first pseudo-labels, by name; each at least 0.

    `persistence` is the share of the first errors whose samples are labelled wrongly now, `persistence_selected` that
    of those that were selected first, each with its weight then, and `corruption` the share of samples that were right
    first and are wrong now. `amplification` is the error among the selected ones now, as a multiple of what it was
    first: not defined where that was 0.
    """
    wrong_first, wrong_now = first.classes != truth, now.classes != truth
    errors = [share(wrong, noted.weights) for wrong, noted in ((wrong_first, first), (wrong_now, now))]
    return {
        "persistence": share(wrong_now[wrong_first]),
        "persistence_selected": share(wrong_now[wrong_first], first.weights[wrong_first]),
        "corruption": share(wrong_now[~wrong_first]),
        "amplification": errors[1] / errors[0] if errors[0] else math.nan,
    }


def measured(chronicle: Chronicle, round: int, truth: Classes, num_classes: int) -> dict[str, float]:
    """`state` of the pseudo-labels of `round`, and `change` since the first that were noted, of one member."""
    first, now = chronicle.of(chronicle.rounds[0]), chronicle.of(round)
    return {**state(now, truth, num_classes), **change(first, now, truth)}


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What became of pseudo-labels from one round to a later one: five numbers of samples, which are all of them."""

    stayed_right: int
    corrupted: int
    """Right, then wrong."""
    mended: int
    """Wrong, then right."""
    stayed_wrong: int
    """Wrong, then wrong with the same class."""
    changed_wrong: int
    """Wrong, then wrong with another class."""

    @property
    def total(self) -> int:
        """All samples."""
        return sum(asdict(self).values())


def flow(before: Classes, after: Classes, truth: Classes) -> Flow:
    """Who went where between two rounds.

    >>> before, after = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 0, 1, 2])
    >>> flow(before, after, torch.tensor([0, 0, 0, 0, 0]))
    Flow(stayed_right=1, corrupted=1, mended=1, stayed_wrong=1, changed_wrong=1)
    """
    was_right, is_right, is_same = before == truth, after == truth, before == after

    def number(which: Which) -> int:
        return int(which.sum())

    return Flow(
        stayed_right=number(was_right & is_right),
        corrupted=number(was_right & ~is_right),
        mended=number(~was_right & is_right),
        stayed_wrong=number(~was_right & is_same),
        changed_wrong=number(~was_right & ~is_right & ~is_same),
    )


def bins_of(noted: Noted, truth: Classes) -> Reliability:
    """Pseudo-labels in bins of confidence, 15 of equal width."""
    # Rounding may leave a probability a little above 1.
    return reliability_of(noted.confidence.double().clamp(0, 1), (noted.classes == truth).double())


def share(which: Which, weights: Weights | None = None) -> float:
    """The share of samples for which it holds, each with its weight; NaN where there is no weight at all.

    >>> share(torch.tensor([True, False]), torch.tensor([1.0, 3.0]))
    0.25
    """
    counted = torch.ones(len(which)) if weights is None else weights
    total = counted.double().sum().item()
    return (counted.double() * which).sum().item() / total if total > 0 else math.nan


def class_shares(classes: Classes, weights: Weights, num_classes: int) -> Float64[Tensor, " classes"]:
    """Each class's share of the weight; NaN without any."""
    sums = torch.zeros(num_classes, dtype=torch.float64).index_add_(0, classes, weights.double())
    return sums / sums.sum()


def divergence(first: Float64[Tensor, " classes"], second: Float64[Tensor, " classes"]) -> float:
    """The Jensen-Shannon divergence of two distributions in bits: 0 where they agree, 1 where they do not overlap.

    Half the divergence of each from their mean (Lin, IEEE Transactions on Information Theory 37, 1991).

    >>> round(divergence(torch.tensor([1.0, 0.0]).double(), torch.tensor([0.5, 0.5]).double()), 6)
    0.311278
    """
    mean = (first + second) / 2
    # Where a share is 0 the mean may be 0 too, and the term is 0 whatever stands in the logarithm.
    parts = [torch.xlogy(each, each / mean.where(mean != 0, 1.0)).sum() / 2 for each in (first, second)]
    return (torch.stack(parts).sum() / math.log(2)).clamp(min=0.0).item()
