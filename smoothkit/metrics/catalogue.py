"""The metrics that evaluations know by name: ready ones, and functions of the options that a scenario file may give."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, NamedTuple

import annotated_types
import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from smoothkit.metrics import calibration, cumulative, hierarchical, ordinal, scores, selective
from smoothkit.metrics.bins import BINS, Closed
from smoothkit.metrics.calibration import Binning, Norm
from smoothkit.metrics.classwise import classwise_calibration_error
from smoothkit.metrics.events import top_label
from smoothkit.metrics.hierarchy import Hierarchy
from smoothkit.metrics.intervals import debiased_squared_error_interval_of, mean_interval, share_interval
from smoothkit.metrics.isotonic import Score, score_decomposition, score_decomposition_of
from smoothkit.metrics.margins import margin_mean, margin_variance, margins
from smoothkit.metrics.metric import Metric
from smoothkit.metrics.rank_intervals import aurc_interval_of
from smoothkit.metrics.smooth import Kernel, smooth_calibration_error
from smoothkit.statistics import Interval
from smoothkit.targets.trees import TreeLike

Bins = Annotated[int, Ge(1)]

SEED = 0
"""Of the resampling behind an interval: two evaluations of one model give the same interval."""

# --- Right and wrong, and proper scores ------------------------------------------------------------------------------


def _accuracy_interval(logits: Tensor, labels: Tensor) -> Interval:
    right = _accuracy_rows(logits, labels)
    return share_interval(float(right.sum()), len(right))


_accuracy_rows = partial(scores.row_scores, "accuracy", scores.accuracy_rows)

ACCURACY = Metric(
    name="accuracy", function=scores.accuracy, better="higher", rows=_accuracy_rows, bounds=_accuracy_interval
)
NLL = Metric(name="nll", function=scores.nll, better="lower", rows=partial(scores.row_scores, "nll", scores.nll_rows))
BRIER = Metric(
    name="brier", function=scores.brier, better="lower", rows=partial(scores.row_scores, "brier", scores.brier_rows)
)


def top_k_accuracy(k: Annotated[int, Ge(1)] = 5) -> Metric:
    """The share of rows whose label is among the `k` most probable classes; in tables as `top_5_accuracy`."""
    return Metric(name=f"top_{k}_accuracy", function=partial(scores.top_k_accuracy, k=k), better="higher")


# --- Calibration -----------------------------------------------------------------------------------------------------


def ece(bins: Bins = BINS, norm: Norm = "l1", binning: Binning = "width", closed: Closed = "right") -> Metric:
    """The calibration error of the predicted class in bins of confidence. Beside it belongs `ece_null`."""
    function = partial(calibration.expected_calibration_error, bins=bins, norm=norm, binning=binning, closed=closed)
    return Metric(name="ece", function=function, better="lower")


def ece_null(bins: Bins = BINS, binning: Binning = "width") -> Metric:
    """The ECE that a calibrated model would show with these confidences: what of the ECE is chance."""

    @wraps(calibration.null_calibration_error_of)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return calibration.null_calibration_error_of(calibration.reliability(logits, labels, bins, binning=binning))

    return Metric(name="ece_null", function=function)


def rmsce_debiased(bins: Bins = BINS, binning: Binning = "mass") -> Metric:
    """The root-mean-square calibration error of the predicted class, less what chance adds to it."""

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        found = calibration.reliability(logits, labels, bins, binning=binning)
        squared = debiased_squared_error_interval_of(found, np.random.default_rng(SEED))
        root = torch.tensor([squared.estimate, squared.low, squared.high]).double().clamp(min=0.0).sqrt().tolist()
        return Interval(*root, f"{squared.method} of the square")

    function = partial(calibration.debiased_calibration_error, bins=bins, binning=binning)
    return Metric(name="rmsce_debiased", function=function, better="lower", bounds=bounds)


def classwise_ece(bins: Bins = BINS, norm: Norm = "l1", binning: Binning = "width", closed: Closed = "right") -> Metric:
    """The calibration error of each class's probability, averaged over all classes."""
    function = partial(classwise_calibration_error, bins=bins, norm=norm, binning=binning, closed=closed)
    return Metric(name="classwise_ece", function=function, better="lower")


def _gap_rows(logits: Tensor, labels: Tensor) -> Tensor:
    confidence, correctness = top_label(logits, labels, metric="confidence_gap")
    return confidence - correctness


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


# None of these improves in one direction: the gap is best at 0, and margins and confidences grow and shrink with the
# scale of the logits, which changes no prediction.
CONFIDENCE_GAP = Metric(name="confidence_gap", function=calibration.confidence_gap, rows=_gap_rows)
MARGIN_MEAN = Metric(name="margin_mean", function=margin_mean, rows=margins)
MARGIN_VARIANCE = Metric(name="margin_variance", function=margin_variance)


def _of_outcome(right: bool) -> Metric:
    """Mean confidence of the right or of the wrong predictions, with its interval over those."""

    def chosen(logits: Tensor, labels: Tensor) -> Tensor:
        is_right = _accuracy_rows(logits, labels) == float(right)
        return top_label(logits, labels).confidence[is_right]

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        values = chosen(logits, labels)
        return mean_interval(values) if len(values) else Interval(np.nan, np.nan, np.nan, "none")

    name, function = (
        ("confidence_right", scores.confidence_right) if right else ("confidence_wrong", scores.confidence_wrong)
    )
    return Metric(name=name, function=function, bounds=bounds)


CONFIDENCE_RIGHT = _of_outcome(True)
CONFIDENCE_WRONG = _of_outcome(False)


# --- Selective prediction --------------------------------------------------------------------------------------------


def _aurc_interval(logits: Tensor, labels: Tensor) -> Interval:
    return aurc_interval_of(*top_label(logits, labels)[:2], np.random.default_rng(SEED))


# AURC and AUGRC change with accuracy alone, so the order itself is told by the excess and the AUROC.
AURC = Metric(name="aurc", function=selective.aurc, better="lower", bounds=_aurc_interval)
EXCESS_AURC = Metric(name="excess_aurc", function=selective.excess_aurc, better="lower")
AUGRC = Metric(name="augrc", function=selective.augrc, better="lower")
AUROC_CORRECT = Metric(name="auroc_correct", function=selective.failure_auroc, better="higher")


def risk_at_coverage(coverage: Annotated[float, annotated_types.Interval(gt=0, le=1)] = 0.8) -> Metric:
    """The share of wrong predictions among the most confident rows that make up `coverage` of all."""
    return Metric(
        name="risk_at_coverage", function=partial(selective.risk_at_coverage, coverage=coverage), better="lower"
    )


def coverage_at_risk(risk: Annotated[float, annotated_types.Interval(ge=0, le=1)] = 0.05) -> Metric:
    """The largest share of rows that can be kept, the most confident first, with at most `risk` of them wrong."""
    return Metric(name="coverage_at_risk", function=partial(selective.coverage_at_risk, risk=risk), better="higher")


# --- Ordered classes and trees ---------------------------------------------------------------------------------------


def mae(decision: ordinal.Decision = "argmax") -> Metric:
    """The mean distance in ranks between prediction and label."""
    return Metric(name="mae", function=partial(ordinal.mean_absolute_error, decision=decision), better="lower")


def kappa(weights: ordinal.Weights = "quadratic") -> Metric:
    """Weighted agreement of prediction and label beyond chance."""
    return Metric(name="kappa", function=partial(ordinal.weighted_kappa, weights=weights), better="higher")


RPS = Metric(name="rps", function=ordinal.ranked_probability_score, better="lower")
OFF_BY_ONE_ACCURACY = Metric(name="off_by_one_accuracy", function=ordinal.off_by_one_accuracy, better="higher")


def _of_tree(name: str, measure: Callable[..., Tensor], tree: TreeLike, classes: tuple[str, ...] | None) -> Metric:
    @wraps(measure)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return measure(logits, labels, Hierarchy.from_tree(tree, logits.shape[1], classes))

    return Metric(name=name, function=function, better="lower")


def mistake_severity(tree: TreeLike, classes: tuple[str, ...] | None = None) -> Metric:
    """The mean height of the lowest common ancestor of prediction and label, over the mistakes."""
    return _of_tree("mistake_severity", hierarchical.mistake_severity, tree, classes)


def mean_height(tree: TreeLike, classes: tuple[str, ...] | None = None) -> Metric:
    """The same over all rows: severity can fall while more mistakes are made."""
    return _of_tree("mean_height", hierarchical.mean_height, tree, classes)
