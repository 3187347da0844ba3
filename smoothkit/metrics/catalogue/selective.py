"""Selective prediction by name.

AURC and AUGRC change with accuracy alone, so the order itself is told by the excess and the AUROC.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, Any, Literal

import annotated_types
import numpy as np
from torch import Tensor

from smoothkit.metrics import rank_intervals, selective
from smoothkit.metrics.events import top_label
from smoothkit.metrics.metric import SEED, Metric
from smoothkit.metrics.selection_score import normalised_max_logit
from smoothkit.metrics.selective_intervals import coverage_at_risk_interval_of, risk_at_coverage_interval_of
from smoothkit.statistics import Interval

Score = Literal["confidence", "normalised-max-logit"]
"""What orders the rows: the softmax confidence of the prediction, or its logit over the norm of all logits."""

Scored = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Coverage = Annotated[float, annotated_types.Interval(gt=0, le=1)]
Risk = Annotated[float, annotated_types.Interval(ge=0, le=1)]


def aurc(score: Score = "confidence") -> Metric:
    """The area under the risk-coverage curve."""
    return _ranking("aurc", selective.aurc_of, rank_intervals.aurc_interval_of, score, "lower")


def excess_aurc(score: Score = "confidence") -> Metric:
    """The area under the risk-coverage curve less that of the best order of the same predictions."""
    return _ranking("excess_aurc", selective.excess_aurc_of, rank_intervals.excess_aurc_interval_of, score, "lower")


def augrc(score: Score = "confidence") -> Metric:
    """The area under the generalised risk-coverage curve."""
    return _ranking("augrc", selective.augrc_of, rank_intervals.augrc_interval_of, score, "lower")


def auroc_correct(score: Score = "confidence") -> Metric:
    """The probability that a right prediction scores higher than a wrong one."""
    bounds = rank_intervals.failure_auroc_interval_of
    return _ranking("auroc_correct", selective.failure_auroc_of, bounds, score, "higher")


def risk_at_coverage(coverage: Coverage = 0.8, score: Score = "confidence") -> Metric:
    """The share of wrong predictions among the rows of highest score that make up `coverage` of all."""
    function = partial(selective.risk_at_coverage_of, coverage=coverage)

    def bounds(score: Tensor, correctness: Tensor) -> Interval:
        return risk_at_coverage_interval_of(score, correctness, coverage, np.random.default_rng(SEED))

    return _ranking("risk_at_coverage", function, bounds, score, "lower")


def coverage_at_risk(risk: Risk = 0.05, score: Score = "confidence") -> Metric:
    """The largest share of rows that can be kept, those of highest score first, with at most `risk` of them wrong."""
    function = partial(selective.coverage_at_risk_of, risk=risk)
    return _ranking("coverage_at_risk", function, partial(coverage_at_risk_interval_of, risk=risk), score, "higher")


def _ranking(
    name: str,
    measure: Callable[..., Tensor],
    bounds: Callable[[Tensor, Tensor], Interval],
    score: Score,
    better: Literal["higher", "lower"],
) -> Metric:
    """A measure of scores and correctness, and its interval, as one of logits and labels."""
    scored = _scored(name, score)
    return Metric(
        name=name,
        function=_measured(measure, scored),
        better=better,
        bounds=lambda logits, labels: bounds(*scored(logits, labels)),
    )


def _scored(name: str, score: Score) -> Scored:
    """The score and the correctness of each row."""

    def scored(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        confidence, correctness = top_label(logits, labels, metric=name)
        return (confidence if score == "confidence" else normalised_max_logit(logits)), correctness

    return scored


def _measured(measure: Callable[..., Any], scored: Scored) -> Callable[[Tensor, Tensor], Tensor]:
    @wraps(measure.func if isinstance(measure, partial) else measure)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return measure(*scored(logits, labels))

    return function
