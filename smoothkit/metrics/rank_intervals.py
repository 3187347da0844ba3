"""Intervals of measures of a ranking without resampling, from how far each row moves them.

All are symmetric on the scale of log-odds. Where few rows are wrong, few determine the variance itself, and the degrees
of freedom say so. Rows that are all right, or all wrong, show no spread, and neither does an excess of 0: then there
are no bounds.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.metrics.linearised import effective_rows, linearised_interval, satterthwaite_freedom
from smoothkit.metrics.selective import augrc_of, aurc_of, excess_aurc_of, failure_auroc_of
from smoothkit.metrics.selective_influences import (
    augrc_influences,
    aurc_influences,
    excess_aurc_influences,
    failure_auroc_influences,
)
from smoothkit.statistics import Interval


def aurc_interval_of(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Interval:
    """The area under the risk-coverage curve, 0 to 1, with its interval.

    Raises:
        ValueError: as `risk_coverage_of` says.

    >>> score, correctness = torch.tensor([0.9, 0.8, 0.7]).double(), torch.tensor([1.0, 0.0, 1.0]).double()
    >>> interval = aurc_interval_of(score, correctness)
    >>> 0 < interval.low < interval.estimate < interval.high < 1
    True
    """
    return _area_interval(aurc_of(score, correctness), aurc_influences(score, correctness))


def excess_aurc_interval_of(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Interval:
    """The AURC less that of the best order, 0 to 1, with its interval. Raises as `risk_coverage_of` does."""
    excess = excess_aurc_of(score, correctness)
    # A difference of two areas: what rounding leaves of the best order is no excess that could have bounds.
    rounding = len(score) ** 0.5 * torch.finfo(torch.float64).eps
    excess = torch.where(excess > rounding * aurc_of(score, correctness), excess, 0.0)
    return _area_interval(excess, excess_aurc_influences(score, correctness))


def augrc_interval_of(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Interval:
    """The area under the generalised risk-coverage curve, 0 to 1, with its interval. Raises as `risk_coverage_of`."""
    return _area_interval(augrc_of(score, correctness), augrc_influences(score, correctness))


def failure_auroc_interval_of(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Interval:
    """The AUROC of correctness, 0 to 1, with its interval: DeLong's variance on the scale of log-odds.

    Right and wrong rows are two samples, and the smaller one's size less one is taken for the degrees of freedom: with
    a single wrong row, or a single right one, there are no bounds. Raises as `risk_coverage_of` does.
    """
    influences = failure_auroc_influences(score, correctness)
    freedom = min(effective_rows(correctness), effective_rows(1 - correctness)) - 1
    return linearised_interval(float(failure_auroc_of(score, correctness)), influences, freedom, scale="log-odds")


def _area_interval(area: Float64[Tensor, ""], influences: Float64[Tensor, " rows"]) -> Interval:
    return linearised_interval(float(area), influences, satterthwaite_freedom(influences), scale="log-odds")
