"""Measures of selective prediction as functions of how often each row counts: what a bootstrap of the rows needs.

Rows are sorted once. A resample is a set of weights on that order, and equal scores stay together in every resample;
`smoothkit.metrics.selective` has the measures.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.metrics.events import check_scored
from smoothkit.metrics.rank_intervals import weighted_aurc
from smoothkit.statistics.resampling import Replicates, Statistic, Weights

Scores = Float64[Tensor, " rows"]
Correctness = Float64[Tensor, " rows"]


class AcceptedRows(NamedTuple):
    """Of each resample, what a threshold at each distinct score accepts, from the highest score to the lowest."""

    accepted: Int64[np.ndarray, "resamples runs"]
    """Rows with this score or a higher one."""
    wrong: Float64[np.ndarray, "resamples runs"]
    """How many of those are wrong."""


def weighted_excess_aurc(score: Scores, correctness: Correctness) -> Statistic:
    """The AURC less that of the best order of the resampled rows."""
    found, best = weighted_aurc(score, correctness), weighted_aurc(correctness, correctness)
    return lambda weights: (found(weights) - best(weights)).clip(min=0.0)


def weighted_augrc(score: Scores, correctness: Correctness) -> Statistic:
    """The area under the generalised risk-coverage curve.

    >>> import torch
    >>> area = weighted_augrc(torch.tensor([0.9, 0.6]).double(), torch.tensor([1.0, 0.0]).double())
    >>> area(np.array([[1, 1], [0, 2]])).tolist()
    [0.125, 0.5]
    """
    accept = _accepting("augrc_interval", score, correctness)

    def area(weights: Weights) -> Replicates:
        accepted, wrong = accept(weights)
        sizes = np.diff(accepted, axis=1, prepend=0)
        # The polygon through the thresholds, from coverage 0 on.
        heights = wrong - np.diff(wrong, axis=1, prepend=0) / 2
        return (sizes * heights).sum(axis=1) / accepted[:, -1] ** 2

    return area


def weighted_failure_auroc(score: Scores, correctness: Correctness) -> Statistic:
    """The AUROC of correctness; NaN in a resample where no row is right or none is wrong."""
    accept = _accepting("failure_auroc_interval", score, correctness)

    def share(weights: Weights) -> Replicates:
        accepted, wrong = accept(weights)
        right = np.diff(accepted - wrong, axis=1, prepend=0)
        total = wrong[:, -1]
        below = total[:, None] - wrong + np.diff(wrong, axis=1, prepend=0) / 2
        pairs = total * (accepted[:, -1] - total)
        return np.divide((right * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)

    return share


def weighted_risk_at_coverage(score: Scores, correctness: Correctness, coverage: float) -> Statistic:
    """The selective risk at the smallest coverage of at least `coverage` that a threshold reaches."""
    accept = _accepting("risk_at_coverage_interval", score, correctness)

    def risk(weights: Weights) -> Replicates:
        accepted, wrong = accept(weights)
        place = (accepted / accepted[:, -1:] >= coverage).argmax(axis=1)
        resamples = np.arange(len(weights))
        return wrong[resamples, place] / accepted[resamples, place]

    return risk


def _accepting(metric: str, score: Scores, correctness: Correctness) -> Callable[[Weights], AcceptedRows]:
    """Rows in order of their score, to be weighted."""
    check_scored(metric, score, correctness)
    _, ties = np.unique(-score.cpu().numpy(), return_inverse=True)
    order = ties.argsort(kind="stable")
    starts = np.flatnonzero(np.diff(ties[order], prepend=-1))
    errors = (1 - correctness.cpu().numpy())[order]
    ends = np.append(starts[1:], len(order)) - 1

    def accept(weights: Weights) -> AcceptedRows:
        ordered = weights[:, order]
        accepted, wrong = ordered.cumsum(axis=1), (ordered * errors).cumsum(axis=1)
        if len(ends) < len(order):
            accepted, wrong = accepted[:, ends], wrong[:, ends]
        return AcceptedRows(accepted, wrong)

    return accept
