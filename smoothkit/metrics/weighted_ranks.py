"""Measures of a ranking as functions of how often each row counts: what a bootstrap of the rows needs.

Rows are sorted once. A resample is a set of weights on that order, and equal scores stay together in every resample;
`smoothkit.metrics.selective` has the measures.
"""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.metrics.events import check_events, check_scored
from smoothkit.statistics.resampling import Replicates, Statistic, Weights


def weighted_aurc(confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Statistic:
    """The AURC as a function of how often each row counts.

    Within equal confidences of weight w and mean risk e, that follow W rows of summed risk E, the k-th coverage has on
    average the risk (E + (k - W) e) / k = (E - W e) / k + e; summing over k gives harmonic numbers.

    Raises:
        ValueError: there are no events, or a value lies outside 0..1.

    >>> area = weighted_aurc(torch.tensor([0.9, 0.8]).double(), torch.tensor([1.0, 0.0]).double())
    >>> area(np.array([[1, 1], [0, 2]])).tolist()
    [0.25, 1.0]
    """
    check_events("aurc_interval", confidence, correctness)
    _, ties = torch.unique(-confidence.cpu(), return_inverse=True)
    order = ties.argsort().numpy()
    starts = np.flatnonzero(np.diff(ties.numpy()[order], prepend=-1))
    risk = (1 - correctness.cpu().numpy())[order]
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(risk) + 1))])

    def area(weights: Weights) -> Replicates:
        sizes = np.add.reduceat(weights[:, order], starts, axis=1)
        risks = np.add.reduceat(weights[:, order] * risk, starts, axis=1)
        after = sizes.cumsum(axis=1)
        before = after - sizes
        risk_before = risks.cumsum(axis=1) - risks
        mean_risks = np.divide(risks, sizes, out=np.zeros_like(risks), where=sizes > 0)
        parts = (risk_before - before * mean_risks) * (harmonic[after] - harmonic[before]) + risks
        return parts.sum(axis=1) / after[:, -1]

    return area


def weighted_risk_at_coverage(
    score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], coverage: float
) -> Statistic:
    """The selective risk at the smallest coverage of at least `coverage` that a threshold reaches.

    >>> risk = weighted_risk_at_coverage(torch.tensor([0.9, 0.6]).double(), torch.tensor([1.0, 0.0]).double(), 0.5)
    >>> risk(np.array([[1, 1], [0, 2]])).tolist()
    [0.0, 1.0]
    """
    check_scored("risk_at_coverage_interval", score, correctness)
    _, ties = np.unique(-score.cpu().numpy(), return_inverse=True)
    order = ties.argsort(kind="stable")
    # The last row of each run of equal scores: a threshold accepts runs as wholes.
    ends = np.flatnonzero(np.diff(ties[order], append=len(ties)))
    errors = (1 - correctness.cpu().numpy())[order]

    def risk(weights: Weights) -> Replicates:
        ordered = weights[:, order]
        accepted, wrong = ordered.cumsum(axis=1), (ordered * errors).cumsum(axis=1)
        place = ends[(accepted[:, ends] / accepted[:, -1:] >= coverage).argmax(axis=1)]
        resamples = np.arange(len(weights))
        return wrong[resamples, place] / accepted[resamples, place]

    return risk
