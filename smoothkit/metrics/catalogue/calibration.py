"""Calibration by name.

The ECE, its smooth and its classwise form, and CORP's miscalibration have no interval: near calibration, where they
matter, all are biased upward by more than they vary, and a bootstrap adds the bias once more (a percentile interval of
the ECE then covers nothing). The debiased square and the signed gap have one, and the tests have their p-values.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from smoothkit.metrics import calibration, cumulative
from smoothkit.metrics.bins import BINS, Closed, equal_mass_edges, reliability_of
from smoothkit.metrics.calibration import Binning, Norm
from smoothkit.metrics.classwise import classwise_calibration_error
from smoothkit.metrics.events import top_label
from smoothkit.metrics.hierarchy import Hierarchy, level_events
from smoothkit.metrics.intervals import confidence_gap_interval_of, debiased_squared_error_interval_of
from smoothkit.metrics.isotonic import Score, score_decomposition, score_decomposition_of
from smoothkit.metrics.metric import SEED, Metric
from smoothkit.metrics.smooth import Kernel, smooth_calibration_error
from smoothkit.statistics import Interval
from smoothkit.targets.trees import TreeLike

Bins = Annotated[int, Ge(1)]


def ece(bins: Bins = BINS, norm: Norm = "l1", binning: Binning = "width", closed: Closed = "right") -> Metric:
    """The calibration error of the predicted class in bins of confidence. Beside it belongs `ece_null`."""
    function = partial(calibration.expected_calibration_error, bins=bins, norm=norm, binning=binning, closed=closed)
    return Metric(name="ece", function=function, better="lower")


def ece_null(bins: Bins = BINS, binning: Binning = "width") -> Metric:
    """About the ECE that a calibrated model would show with these confidences: what of the ECE is chance."""

    @wraps(calibration.null_calibration_error_of)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return calibration.null_calibration_error_of(calibration.reliability(logits, labels, bins, binning=binning))

    return Metric(name="ece_null", function=function)


def rmsce_debiased(bins: Bins = BINS, binning: Binning = "mass") -> Metric:
    """The root-mean-square calibration error of the predicted class, less what chance adds to it."""

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        found = calibration.reliability(logits, labels, bins, binning=binning)
        squared = debiased_squared_error_interval_of(found, np.random.default_rng(SEED))
        estimate, low, high = torch.tensor(squared[:3], dtype=torch.float64).clamp(min=0.0).sqrt().tolist()
        return Interval(estimate, low, high, f"{squared.method} of the square")

    function = partial(calibration.debiased_calibration_error, bins=bins, binning=binning)
    return Metric(name="rmsce_debiased", function=function, better="lower", bounds=bounds)


def classwise_ece(bins: Bins = BINS, norm: Norm = "l1", binning: Binning = "width", closed: Closed = "right") -> Metric:
    """The calibration error of each class's probability, averaged over all classes."""
    function = partial(classwise_calibration_error, bins=bins, norm=norm, binning=binning, closed=closed)
    return Metric(name="classwise_ece", function=function, better="lower")


def smooth_ece(kernel: Kernel = "reflected") -> Metric:
    """The calibration error of a smoothed reliability curve, which needs no bins."""
    return Metric(name="smooth_ece", function=partial(smooth_calibration_error, kernel=kernel), better="lower")


def miscalibration(score: Score = "brier") -> Metric:
    """What the score of the predicted class's confidence loses to its best monotone recalibration (CORP's MCB)."""

    @wraps(score_decomposition_of)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return score_decomposition(logits, labels, score=score).miscalibration

    return Metric(name="miscalibration", function=function, better="lower")


def _test(name: str, test: Callable[[Tensor, Tensor], NamedTuple], entry: str) -> Metric:
    """One entry of a test of the predicted class's calibration, which needs no bins."""

    @wraps(test)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return getattr(test(logits, labels), entry)

    return Metric(name=name, function=function)


KUIPER = _test("kuiper", cumulative.kuiper, "statistic")
KUIPER_P = _test("kuiper_p", cumulative.kuiper, "p_value")
SPIEGELHALTER_Z = _test("spiegelhalter_z", cumulative.spiegelhalter, "z")
SPIEGELHALTER_P = _test("spiegelhalter_p", cumulative.spiegelhalter, "p_value")


def level_ece(
    tree: TreeLike,
    level: Annotated[int, Ge(0)] = 1,
    classes: tuple[str, ...] | None = None,
    bins: Bins = BINS,
    norm: Norm = "l1",
    binning: Binning = "width",
) -> Metric:
    """The calibration error of the most probable group of classes at a level of the tree; in tables `level_1_ece`."""

    @wraps(level_events)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        events = level_events(logits, labels, Hierarchy.from_tree(tree, logits.shape[1], classes), level)
        edges = equal_mass_edges(events.confidence, bins) if binning == "mass" else None
        return calibration.calibration_error_of(reliability_of(*events, bins, edges=edges), norm)

    return Metric(name=f"level_{level}_ece", function=function, better="lower")


def _gap_rows(logits: Tensor, labels: Tensor) -> Tensor:
    confidence, correctness = top_label(logits, labels, metric="confidence_gap")
    return confidence - correctness


def _gap_bounds(logits: Tensor, labels: Tensor) -> Interval:
    return confidence_gap_interval_of(calibration.reliability(logits, labels, metric="confidence_gap"))


# The gap is best at 0, so neither direction is.
CONFIDENCE_GAP = Metric(name="confidence_gap", function=calibration.confidence_gap, rows=_gap_rows, bounds=_gap_bounds)
