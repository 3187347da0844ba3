"""The bootstrap, with resamples as weights: how often each row was drawn, in chunks that bound the memory."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64, Int64
from scipy.sparse import csr_array
from scipy.special import expit, logit, stdtrit

from smoothkit.statistics.interval import TAILS, Interval

RESAMPLES = 1000
_CHUNK = 2**20
"""Weights drawn at a time, 8 MiB of them: a chunk's size does not depend on the number of resamples."""

Weights = Int64[np.ndarray, "resamples rows"]
Replicates = Float64[np.ndarray, " resamples"]
Statistic = Callable[[Weights], Replicates]
"""From how often each row counts, one row of weights per resample, to the statistic of each resample."""


def row_weights(rows: int, resamples: int, generator: np.random.Generator) -> Weights:
    """How often each row is in each of `resamples` samples of `rows` rows drawn with replacement (multinomial)."""
    drawn = generator.integers(rows, size=(resamples, rows))
    drawn += np.arange(resamples)[:, None] * rows
    return np.bincount(drawn.ravel(), minlength=resamples * rows).reshape(resamples, rows)


def function_of_sums(
    contributions: Float64[np.ndarray, "rows quantities"] | csr_array,
    function: Callable[[Float64[np.ndarray, "resamples quantities"]], Replicates],
) -> Statistic:
    """The statistic that is `function` of the sums over rows of what each row contributes: a matrix product.

    Sparse contributions cost what their entries cost.

    >>> mean = function_of_sums(np.array([[1.0, 4.0], [1.0, 2.0]]), lambda sums: sums[:, 1] / sums[:, 0])
    >>> mean(np.array([[1, 1], [2, 0]])).tolist()
    [3.0, 4.0]
    """
    return lambda weights: function(weights.astype(np.float64) @ contributions)


def bootstrap(
    statistic: Statistic, rows: int, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Replicates:
    """The statistic in bootstrap samples of the rows."""
    return two_level_bootstrap([statistic], rows, generator, resamples)


def two_level_bootstrap(
    statistics: Sequence[Statistic], rows: int, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Replicates:
    """The mean over seeds of a statistic when the seeds, and the rows that all of them share, are samples.

    One statistic per seed, over the same rows in the same order. A replicate draws rows once for all seeds, since a
    hard test row is hard for every seed: rows and seeds are crossed (Owen, Annals of Applied Statistics 1, 2007). It
    draws seeds with replacement, and widens their deviations from the mean by sqrt(S / (S - 1)) t(S - 1) / z, without
    which few seeds would vary too little: the outer level is then as wide as Student's interval over S seeds to about
    10 % from three seeds on (Hesterberg, American Statistician 69, 2015, calls it expanding). Two seeds have but three
    resamples, and the interval is 28 % too narrow. One seed says nothing of others: rows alone vary.
    """
    size = max(1, _CHUNK // rows)
    parts = []
    for start in range(0, resamples, size):
        weights = row_weights(rows, min(size, resamples - start), generator)
        parts.append(np.mean([statistic(weights) for statistic in statistics], axis=0))
    replicates = np.concatenate(parts)
    seeds = len(statistics)
    if seeds == 1:
        return replicates
    everything = np.ones((1, rows), dtype=np.int64)
    estimates = np.array([float(statistic(everything)[0]) for statistic in statistics])
    widening = math.sqrt(seeds / (seeds - 1)) * float(stdtrit(seeds - 1, TAILS[1]) / stdtrit(math.inf, TAILS[1]))
    drawn = row_weights(seeds, resamples, generator) / seeds
    return replicates + widening * (drawn @ (estimates - estimates.mean()))


def percentile_interval(estimate: float, replicates: Replicates, method: str = "percentile bootstrap") -> Interval:
    """The central 95 % of the replicates; for statistics whose bias is small beside their spread."""
    low, high = np.quantile(replicates, TAILS)
    return Interval(estimate, float(low), float(high), method)


def recentred_interval(estimate: float, replicates: Replicates, method: str = "recentred bootstrap") -> Interval:
    """The central 95 % of the replicates, shifted so that their mean is the estimate.

    For an estimate without bias whose replicates have one: resampling adds its own noise to a squared error, and the
    shift takes it off.
    """
    low, high = np.quantile(replicates, TAILS) - replicates.mean() + estimate
    return Interval(estimate, float(low), float(high), method)


def log_odds_interval(estimate: float, replicates: Replicates) -> Interval:
    """A measure between 0 and 1 by the replicates' deviation on the scale of log-odds, where it is less skew.

    The percentile interval where a replicate is 0 or 1; no bounds where all are, since nothing then varies.
    """
    inside = (replicates > 0) & (replicates < 1)
    if not inside.any():
        return Interval(estimate, math.nan, math.nan, "bootstrap of log-odds")
    if not inside.all():
        return percentile_interval(estimate, replicates)
    margin = float(stdtrit(math.inf, TAILS[1]) * logit(replicates).std())
    low, high = expit(logit(estimate) + np.array([-margin, margin]))
    return Interval(estimate, float(low), float(high), "bootstrap of log-odds")
