"""95 % intervals of measures: analytic where one is right, resampled bin by bin where none is.

They speak of other rows of the same law, for one trained model. `smoothkit.metrics.paired` compares two models.
"""

import math

import numpy as np
import torch
from jaxtyping import Float64, Int64
from scipy.special import ndtri
from torch import Tensor

from smoothkit.metrics.bins import Reliability
from smoothkit.metrics.calibration import debiased_squared_error_of
from smoothkit.metrics.linearised import linearised_interval
from smoothkit.statistics import Interval, recentred_interval, student_interval, student_p_value
from smoothkit.statistics.interval import TAILS
from smoothkit.statistics.resampling import RESAMPLES

Z = float(ndtri(TAILS[1]))


def mean_interval(values: Float64[Tensor, " rows"]) -> Interval:
    """The mean of independent rows (a loss, a score) by Student's t; no bounds for rows that are all alike, or one.

    Raises:
        ValueError: there are no rows.

    >>> interval = mean_interval(torch.tensor([1.0, 2.0, 3.0]).double())
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.4841, 4.4841)
    """
    if not len(values):
        raise ValueError("mean_interval: there are no rows")
    mean = values.mean()
    return linearised_interval(float(mean), values - mean, method="Student's t")


def wilson_bounds(
    successes: Float64[Tensor, "*bins"], trials: Int64[Tensor, "*bins"]
) -> tuple[Float64[Tensor, "*bins"], Float64[Tensor, "*bins"]]:
    """The lower and upper bounds of a share by Wilson's score interval; NaN without trials.

    Never empty and never outside 0..1, also where all or none succeed, so it suits the whiskers of a diagram's bins.
    Wilson, JASA 22 (1927). A fractional number of successes (soft labels) is taken as it is; the bounds are then
    somewhat wide.

    >>> [round(float(bound), 4) for bound in wilson_bounds(torch.tensor(10.0).double(), torch.tensor(10))]
    [0.7225, 1.0]
    """
    count = trials.double()
    share = successes / count
    centre = (successes + Z**2 / 2) / (count + Z**2)
    margin = Z * (share * (1 - share) * count + Z**2 / 4).clamp(min=0.0).sqrt() / (count + Z**2)
    # Rounding must not push the bounds off a share of 0 or 1, which they then end at.
    return torch.minimum(centre - margin, share).clamp(min=0.0), torch.maximum(centre + margin, share).clamp(max=1.0)


def share_interval(successes: float, trials: int) -> Interval:
    """A share, such as an accuracy, by `wilson_bounds`; NaN throughout without trials."""
    count = torch.tensor(trials)
    low, high = wilson_bounds(torch.tensor(successes, dtype=torch.float64), count)
    return Interval(successes / trials if trials else math.nan, float(low), float(high), "Wilson")


def gap_variance_of(bins: Reliability) -> Float64[Tensor, "*groups"]:
    """The sample variance of confidence minus correctness over all events; NaN for fewer than two."""
    total = bins.total
    squares = bins.confidence_square_sum - 2 * bins.product_sum + bins.correctness_square_sum
    sums = (bins.confidence_sum - bins.correctness_sum).sum(dim=-1)
    centred = squares.sum(dim=-1) - sums.square() / total
    return torch.where(total > 1, centred.clamp(min=0.0) / (total - 1), torch.nan)


def confidence_gap_interval_of(bins: Reliability) -> Interval:
    """The signed gap, mean confidence minus accuracy, by Student's t over events: the z interval for more than a few.

    Where all events came true, or none did, correctness shows no spread to build on; then the accuracy's bounds are
    Wilson's, with the mean confidence as it is. NaN throughout without events.
    """
    total, right = int(bins.total), float(bins.correctness_sum.sum())
    if total == 0:
        return Interval(math.nan, math.nan, math.nan, "Student's t")
    confidence = float(bins.confidence_sum.sum()) / total
    if right in (0.0, float(total)):
        accuracy = share_interval(right, total)
        return Interval(
            confidence - accuracy.estimate, confidence - accuracy.high, confidence - accuracy.low, "Wilson on accuracy"
        )
    error = math.sqrt(float(gap_variance_of(bins)) / total)
    return student_interval(confidence - right / total, error, float(total - 1), "Student's t")


def confidence_gap_p_value_of(bins: Reliability) -> float:
    """The two-sided p-value that the signed gap is 0: below 0.05 exactly where `confidence_gap_interval_of` excludes 0.

    Student's t, and the score test that Wilson's interval inverts where all events came true or none did. NaN where
    that interval has no bounds.
    """
    total, right = int(bins.total), float(bins.correctness_sum.sum())
    if total == 0:
        return math.nan
    confidence = float(bins.confidence_sum.sum()) / total
    if right in (0.0, float(total)):
        # The score, gap / sqrt(c (1 - c) / n), squared is n times the odds of what never came true.
        missed = min(max(confidence if right == 0 else 1 - confidence, 0.0), 1.0)
        return math.erfc(math.sqrt(total * missed / (1 - missed) / 2)) if missed < 1 else 0.0
    error = math.sqrt(float(gap_variance_of(bins)) / total)
    return student_p_value(confidence - right / total, error, float(total - 1))


def resampled_bins(bins: Reliability, generator: np.random.Generator, resamples: int = RESAMPLES) -> Reliability:
    """Bootstrap samples of the events, as bins with the axis of resamples first: O(bins) each, whatever the rows.

    Counts are multinomial; in a bin of n events drawn, correctness is that of n draws with the bin's mean and variance
    (binomial for labels that are indices; under soft labels the binomial's deviation, scaled). Confidence is held at
    the bin's mean: within a bin it varies far less than correctness, and leaving that out errs on the wide side, since
    the two rise together.
    """
    counts = bins.counts.cpu().numpy()
    total = int(counts.sum())
    drawn = generator.multinomial(total, counts / total, size=resamples)
    mean = bins.accuracy.nan_to_num(nan=0.0).clamp(0.0, 1.0).cpu().numpy()
    spread = mean * (1 - mean)
    scale = np.sqrt(
        np.divide(bins.variance.cpu().numpy(), spread, out=np.zeros_like(mean), where=spread > 0).clip(max=1)
    )
    share = np.divide(generator.binomial(drawn, mean), drawn, out=np.zeros(drawn.shape), where=drawn > 0)
    accuracy = mean + scale * (share - mean)
    confidence = bins.confidence.nan_to_num(nan=0.0).cpu().numpy()
    return Reliability(
        edges=bins.edges.cpu(),
        counts=torch.from_numpy(drawn),
        confidence_sum=torch.from_numpy(drawn * confidence),
        correctness_sum=torch.from_numpy(drawn * accuracy),
        confidence_square_sum=torch.from_numpy(drawn * confidence**2),
        product_sum=torch.from_numpy(drawn * confidence * accuracy),
        correctness_square_sum=torch.from_numpy(drawn * (accuracy**2 + scale**2 * share * (1 - share))),
    )


def debiased_squared_error_replicates(
    bins: Reliability, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Float64[np.ndarray, " resamples"]:
    """`debiased_squared_error_of` in bootstrap samples of the events."""
    return debiased_squared_error_of(resampled_bins(bins, generator, resamples)).numpy()


def debiased_squared_error_interval_of(
    bins: Reliability, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """The debiased squared calibration error in these bins, by a recentred bootstrap of the bins' counts.

    Replicates are shifted so that their mean is the estimate, since each adds the noise of its own resampling.
    Coverage of the true squared error in these bins was 95 % to 100 % in simulations of calibrated and over-confident
    models with 150 to 2000 rows: cautious near 0. Bounds may be negative, as the estimate may. A percentile interval
    of the plain ECE, in contrast, covers nothing where the model is calibrated. No bounds where all events came true,
    or none did: resamples then show no chance at all. NaN throughout where no bin holds two events.
    """
    estimate = float(debiased_squared_error_of(bins))
    varied = 0 < float(bins.correctness_sum.sum()) < int(bins.total)
    if math.isnan(estimate) or not varied:
        return Interval(estimate, math.nan, math.nan, "recentred bootstrap")
    return recentred_interval(estimate, debiased_squared_error_replicates(bins, generator, resamples))
