"""Confidence against accuracy, bin by bin: whether predictions made with a confidence c are right c of the time.

Each measure is a function of the sums of a `Reliability`, over its last axis; `smoothkit.metrics.bins` makes those from
events, all at once or as they come. What is estimated from bins depends on the bins: state their number and kind.
"""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.bins import (
    BINS,
    BinSums,
    Closed,
    Reliability,
    equal_mass_edges,
    equal_width_edges,
    reliability_of,
)
from smoothkit.metrics.boundary import Labels, blocks, check_choice
from smoothkit.metrics.events import top_label

Norm = Literal["l1", "l2", "max"]
Binning = Literal["width", "mass"]
"""Bins of equal width, or of equally many predictions."""

Value = Float64[Tensor, "*groups"]


def reliability(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    bins: int = BINS,
    *,
    metric: str = "reliability",
    binning: Binning = "width",
    closed: Closed = "right",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Reliability:
    """Counts, confidences and accuracies of the predicted classes in bins of confidence.

    Equal-mass bins (`binning="mass"`) are always right-closed. Raises ValueError for `bins` below 1, and as
    `smoothkit.metrics.boundary` says; its messages name `metric`.
    """
    check_choice(metric, "binning", binning, Binning)
    options = {"from_logits": from_logits, "ignore_index": ignore_index}
    if binning == "mass":
        confidence, correctness = top_label(outputs, labels, metric=metric, **options)
        return reliability_of(confidence, correctness, edges=equal_mass_edges(confidence, bins))
    sums = BinSums(equal_width_edges(bins, outputs.device), closed)
    for block in blocks(metric, outputs, labels, **options):
        sums.add(block.confidence, block.correctness, soft=block.labels.ndim == 2)
    return sums.reliability().group(0)


def calibration_error_of(bins: Reliability, norm: Norm = "l1") -> Value:
    """The calibration error in a norm of the bins' gaps between confidence and accuracy, 0 to 1; NaN without events.

    "l1", the expected calibration error (ECE), is the mean gap, each bin weighted by its count (Guo et al., ICML 2017,
    equation 3); "l2" is the root of the mean squared gap (RMSCE); "max" is the largest gap of a bin that holds any
    events (MCE). All are plug-in estimates and biased upward, the more the fewer events there are per bin: groups of
    different size cannot be compared by them. `null_calibration_error_of` says what a calibrated model would show.
    """
    check_choice("calibration_error_of", "norm", norm, Norm)
    gaps = _gaps(bins).abs()
    if norm == "max":
        return torch.where(bins.total > 0, gaps.amax(dim=-1), torch.nan)
    if norm == "l1":
        return (bins.weights * gaps).sum(dim=-1)
    return (bins.weights * gaps.square()).sum(dim=-1).sqrt()


def _gaps(bins: Reliability) -> Float64[Tensor, "*groups bins"]:
    """The bins' gaps; 0 where a bin is empty, since it has no weight."""
    return torch.where(bins.counts > 0, bins.gaps, 0.0)


def average_calibration_error_of(bins: Reliability) -> Value:
    """The mean absolute gap of the bins that hold any events, each counting alike (netcal's ACE), 0 to 1."""
    return _gaps(bins).abs().sum(dim=-1) / (bins.counts > 0).sum(dim=-1)


def debiased_squared_error_of(bins: Reliability) -> Value:
    """The mean squared gap less what chance alone adds to it: unbiased for the bins at hand, so it may be negative.

    sum over bins of w_b [(conf_b - acc_b)^2 - v_b / (n_b - 1)], with v_b the variance of correctness in the bin. One
    event does not tell chance from error, so w_b is the share among the events of bins that hold two or more; NaN where
    no bin does. Compare groups and take means of this square; clip and take the root (`debiased_calibration_error_of`)
    only to show it. Kumar, Liang and Ma, NeurIPS 2019 (arXiv 1909.10155), section 5.
    """
    counts = torch.where(bins.counts > 1, bins.counts, 0).double()
    inside = torch.where(counts > 0, bins.gaps.square() - bins.variance / (counts - 1), 0.0)
    return (counts * inside).sum(dim=-1) / counts.sum(dim=-1)


def debiased_calibration_error_of(bins: Reliability) -> Value:
    """The root of `debiased_squared_error_of`, 0 where that is negative: for display, since a root is biased again."""
    return debiased_squared_error_of(bins).clamp(min=0.0).sqrt()


def confidence_gap_of(bins: Reliability) -> Value:
    """Mean confidence minus accuracy over all events, -1 to 1: positive is over-confident. Bins play no part in it."""
    return (bins.confidence_sum - bins.correctness_sum).sum(dim=-1) / bins.total


class Sides(NamedTuple):
    """The two parts of the ECE: their sum is the ECE, their difference the confidence gap."""

    over: Value
    """What bins contribute whose confidence exceeds their accuracy."""
    under: Value
    """What bins contribute whose accuracy exceeds their confidence."""


def sides_of(bins: Reliability) -> Sides:
    """The ECE divided into over-confidence and under-confidence."""
    gaps = bins.weights * _gaps(bins)
    return Sides(over=gaps.clamp(min=0.0).sum(dim=-1), under=(-gaps).clamp(min=0.0).sum(dim=-1))


def null_calibration_error_of(bins: Reliability) -> Value:
    """About the ECE that a perfectly calibrated model would show on average with as many events in the same bins.

    sqrt(2 / (pi n)) sum_b sqrt(w_b v_b), with v_b the mean of c (1 - c) over the events' confidences c in the bin: the
    mean absolute value of a normal law with the variance of each bin's gap. An ECE near it says nothing against
    calibration. The normal law is right to about a tenth where each bin expects a wrong event or more; where bins
    expect less, as those of a model that is sure of everything, the value is too large (by 39 % at a tenth of an event,
    fourfold at a hundredth). Under soft labels it is an upper bound, as c (1 - c) is the variance of drawn labels.
    Roelofs et al., AISTATS 2022 (arXiv 2012.08668), study this bias by simulation.
    """
    variance = (bins.confidence_sum - bins.confidence_square_sum).clamp(min=0.0)
    # sqrt(w_b v_b / n) is the root of the sum of c (1 - c), over n.
    return math.sqrt(2 / math.pi) * variance.sqrt().sum(dim=-1) / bins.total


class BrierParts(NamedTuple):
    """The Brier score of the events, taken apart: reliability - resolution + uncertainty + within_bins."""

    reliability: Value
    """The mean squared gap of confidence and accuracy."""
    resolution: Value
    """The variance of the bins' accuracies around the overall one."""
    uncertainty: Value
    """The variance that the events would have without any prediction."""
    within_bins: Value
    """What binning hides: the variance of confidence within bins, less twice its covariance with correctness."""

    @property
    def total(self) -> Value:
        """The Brier score of the events (one term for each, 0 to 1), up to rounding."""
        return self.reliability - self.resolution + self.uncertainty + self.within_bins


def brier_parts_of(bins: Reliability) -> BrierParts:
    """The Brier score of the events and its parts (Murphy 1973), with the terms within bins that make them add up.

    Stephenson, Coelho and Jolliffe (Weather and Forecasting 23, 2008) have the terms within bins. Under soft labels it
    is the score against the soft value, and `uncertainty` its variance around the mean.
    """
    overall = bins.correctness_sum.sum(dim=-1) / bins.total
    weights = bins.weights
    confidence, accuracy = bins.confidence.nan_to_num(nan=0.0), bins.accuracy.nan_to_num(nan=0.0)
    variance = (bins.confidence_square_sum / bins.counts).nan_to_num(nan=0.0) - confidence.square()
    covariance = (bins.product_sum / bins.counts).nan_to_num(nan=0.0) - confidence * accuracy
    return BrierParts(
        reliability=(weights * (confidence - accuracy).square()).sum(dim=-1),
        resolution=(weights * (accuracy - overall[..., None]).square()).sum(dim=-1),
        uncertainty=bins.correctness_square_sum.sum(dim=-1) / bins.total - overall.square(),
        within_bins=(weights * (variance - 2 * covariance)).sum(dim=-1),
    )


# --- Of a classifier's predictions -----------------------------------------------------------------------------------


def expected_calibration_error(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    bins: int = BINS,
    *,
    norm: Norm = "l1",
    binning: Binning = "width",
    closed: Closed = "right",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The calibration error of the predicted class (ECE): mean |confidence - accuracy| over bins of confidence, 0 to 1.

    `calibration_error_of` has the norms; with `binning="mass"` it is the adaptive calibration error. Under soft labels
    a prediction is right with the probability that the label gives the predicted class. Raises ValueError as
    `reliability` does.

    >>> expected_calibration_error(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    found = reliability(
        outputs,
        labels,
        bins,
        metric="expected_calibration_error",
        binning=binning,
        closed=closed,
        from_logits=from_logits,
        ignore_index=ignore_index,
    )
    return calibration_error_of(found, norm)


def debiased_calibration_error(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    bins: int = BINS,
    *,
    binning: Binning = "mass",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The root-mean-square calibration error of the predicted class without its bias, 0 to 1, in equal-mass bins.

    The root of `debiased_squared_error_of`, 0 where that is negative. Raises ValueError as `reliability` does.
    """
    found = reliability(
        outputs,
        labels,
        bins,
        metric="debiased_calibration_error",
        binning=binning,
        from_logits=from_logits,
        ignore_index=ignore_index,
    )
    return debiased_calibration_error_of(found)


def confidence_gap(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """Mean confidence minus accuracy, -1 to 1: positive is over-confident, negative under-confident.

    Its absolute value is at most the ECE, whatever the bins. Under soft labels a prediction is right with the
    probability that the label gives the predicted class, so this accuracy is the expected one.

    >>> confidence_gap(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]))
    tensor(-0.5000, dtype=torch.float64)
    """
    confidence, correctness = top_label(
        outputs, labels, metric="confidence_gap", from_logits=from_logits, ignore_index=ignore_index
    )
    return (confidence - correctness).mean()
