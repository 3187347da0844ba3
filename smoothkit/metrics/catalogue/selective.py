"""Selective prediction by name.

AURC and AUGRC change with accuracy alone, so the order itself is told by the excess and the AUROC.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, Any, Literal

import annotated_types
import numpy as np
from torch import Tensor

from smoothkit.metrics import selective, weighted_ranks
from smoothkit.metrics.events import top_label
from smoothkit.metrics.metric import SEED, Metric
from smoothkit.metrics.rank_intervals import weighted_aurc
from smoothkit.metrics.selection_score import normalised_max_logit
from smoothkit.metrics.selective_intervals import coverage_at_risk_interval_of, share_statistic_interval
from smoothkit.statistics import Interval
from smoothkit.statistics.resampling import Statistic

Score = Literal["confidence", "normalised-max-logit"]
"""What orders the rows: the softmax confidence of the prediction, or its logit over the norm of all logits."""

Scored = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Coverage = Annotated[float, annotated_types.Interval(gt=0, le=1)]
Risk = Annotated[float, annotated_types.Interval(ge=0, le=1)]


def aurc(score: Score = "confidence") -> Metric:
    """The area under the risk-coverage curve."""
    return _resampled("aurc", selective.aurc_of, weighted_aurc, score, "lower")


def excess_aurc(score: Score = "confidence") -> Metric:
    """The area under the risk-coverage curve less that of the best order of the same predictions."""
    return _resampled("excess_aurc", selective.excess_aurc_of, weighted_ranks.weighted_excess_aurc, score, "lower")


def augrc(score: Score = "confidence") -> Metric:
    """The area under the generalised risk-coverage curve."""
    return _resampled("augrc", selective.augrc_of, weighted_ranks.weighted_augrc, score, "lower")


def auroc_correct(score: Score = "confidence") -> Metric:
    """The probability that a right prediction scores higher than a wrong one."""
    weighted = weighted_ranks.weighted_failure_auroc
    return _resampled("auroc_correct", selective.failure_auroc_of, weighted, score, "higher")


def risk_at_coverage(coverage: Coverage = 0.8, score: Score = "confidence") -> Metric:
    """The share of wrong predictions among the rows of highest score that make up `coverage` of all."""
    function = partial(selective.risk_at_coverage_of, coverage=coverage)
    weighted = partial(weighted_ranks.weighted_risk_at_coverage, coverage=coverage)
    return _resampled("risk_at_coverage", function, weighted, score, "lower")


def coverage_at_risk(risk: Risk = 0.05, score: Score = "confidence") -> Metric:
    """The largest share of rows that can be kept, those of highest score first, with at most `risk` of them wrong."""
    scored = _scored("coverage_at_risk", score)
    return Metric(
        name="coverage_at_risk",
        function=_measured(partial(selective.coverage_at_risk_of, risk=risk), scored),
        better="higher",
        bounds=lambda logits, labels: coverage_at_risk_interval_of(*scored(logits, labels), risk),
    )


def _resampled(
    name: str,
    measure: Callable[..., Tensor],
    weighted: Callable[[Tensor, Tensor], Statistic],
    score: Score,
    better: Literal["higher", "lower"],
) -> Metric:
    """A measure with its interval by a bootstrap of the rows."""
    scored = _scored(name, score)

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        events = scored(logits, labels)
        return share_statistic_interval(weighted(*events), len(labels), np.random.default_rng(SEED))

    return Metric(name=name, function=_measured(measure, scored), better=better, bounds=bounds)


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
