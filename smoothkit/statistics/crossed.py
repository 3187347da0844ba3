"""The mean of a table of seeds and rows, both of which are samples, and the difference of two such means."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.optimize import root_scalar
from scipy.special import chdtri, ndtr, stdtrit

from smoothkit.statistics.interval import LEVEL, Interval, student_interval, student_p_value
from smoothkit.statistics.power import POWER

Values = Float64[np.ndarray, "seeds rows"]


class CrossedMean(NamedTuple):
    """An estimate with its standard error, whose degrees of freedom are those of Student's t."""

    estimate: float
    error: float
    freedom: float
    """0 where the error cannot be told."""
    method: str

    @property
    def interval(self) -> Interval:
        """The 95 % interval; without bounds where there is no degree of freedom."""
        return student_interval(self.estimate, self.error, self.freedom, self.method)

    @property
    def p_value(self) -> float:
        """The two-sided p-value of a true value of 0: below 0.05 exactly where the interval excludes 0, or NaN."""
        return student_p_value(self.estimate, self.error, self.freedom)

    def detectable(self, level: float = LEVEL) -> float:
        """The true value that 80 % of studies with this true error find at `level`; NaN without a degree of freedom.

        The error is taken as estimated, so that the statistic follows the noncentral t with these degrees of freedom,
        which need not be a whole number.

        >>> round(CrossedMean(0.0, 1.0, math.inf, "by hand").detectable(), 3)
        2.802
        """
        return _detectable_in_errors(self.freedom, level) * self.error if self.freedom > 0 else math.nan


def crossed_mean(values: Values, least_variance: float = 0.0) -> CrossedMean:
    """The mean over seeds and rows with an error that holds for other seeds and other rows.

    Every seed is measured on the same rows, so errors do not average out over seeds: a hard row is hard for all. In
    the two-way model value = mean + seed + row + rest the variance of the mean is (MS_seed + MS_row - MS_rest) / (S N),
    without bias (mean squares of the analysis of variance), here at least as large as what the seeds or the rows show
    alone; its degrees of freedom are Satterthwaite's. With one seed it is the t test over rows, and speaks of this
    seed only; with one row that over seeds; with one value the error cannot be told.

    `least_variance` is what one row is taken to vary by at least, for rows that are known to vary more than they show.
    """
    return _crossed((values,), (least_variance,))


def crossed_difference(
    first: Values, second: Float64[np.ndarray, "seeds other_rows"], least_variances: tuple[float, float] = (0.0, 0.0)
) -> CrossedMean:
    """The mean of `second` minus that of `first`, of the same seeds on different rows.

    As `crossed_mean`, but that each table has a variance between rows of its own, as in Welch's test, which is the one
    of a single seed. What a seed does to both tables alike leaves the difference as it is.

    >>> rows = np.array([[0.0, 1.0, 2.0]])
    >>> round(crossed_difference(rows, rows + 2.0).p_value, 4)
    0.0705
    """
    return _crossed((-first, second), least_variances)


def crossed_mean_interval(values: Values) -> Interval:
    """The 95 % interval of `crossed_mean`.

    >>> interval = crossed_mean_interval(np.array([[1.0, 2.0, 3.0]]))
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.4841, 4.4841)
    """
    return crossed_mean(values).interval


def _crossed(tables: Sequence[np.ndarray], least_variances: Sequence[float]) -> CrossedMean:
    """The sum of the means of tables that share their seeds and no row."""
    seeds = len(tables[0])
    levels = np.sum([table.mean(axis=1) for table in tables], axis=0)
    estimate = float(sum(table.mean() for table in tables))
    seed_part = _variance_of_mean(levels)
    row_parts = [
        max(_variance_of_mean(table.mean(axis=0)), least / table.shape[1])
        for table, least in zip(tables, least_variances, strict=True)
    ]
    row_part = sum(row_parts)
    rest = sum(_rest_of_mean(table) for table in tables)
    variance = max(seed_part + row_part - rest, seed_part, row_part)
    freedoms = [seeds - 1, *(table.shape[1] - 1 for table in tables)]
    # Shares of the variance: its own square may be more than a float holds.
    shares = [part / variance if variance > 0 else 0.0 for part in (seed_part, *row_parts)]
    uncertainty = sum(share**2 / max(freedom, 1) for share, freedom in zip(shares, freedoms, strict=True))
    freedom = 1 / uncertainty if uncertainty > 0 else float(max(freedoms))
    method = "t over seeds and rows" if seeds > 1 else "t over rows"
    return CrossedMean(estimate, math.sqrt(variance), freedom, method)


# The pairs of a study have few degrees of freedom and one level between them.
@functools.lru_cache(maxsize=1024)
def _detectable_in_errors(freedom: float, level: float) -> float:
    """`CrossedMean.detectable` in units of the error.

    A test finds a shift where |Z + shift| exceeds t times the estimated error over the true one, whose square is chi
    square over its degrees of freedom. The chance is averaged over a thousand quantiles of that, since SciPy's
    noncentral t gives NaN for very few degrees of freedom.
    """
    critical = float(stdtrit(freedom, 1 - level / 2))
    tails = (np.arange(1000) + 0.5) / 1000
    bounds = critical * (np.sqrt(chdtri(freedom, tails) / freedom) if freedom < 1e9 else np.ones(1))

    def lacking(shift: float) -> float:
        return float((ndtr(shift - bounds) + ndtr(-shift - bounds)).mean()) - POWER

    return root_scalar(lacking, bracket=(0.0, float(bounds.max()) + 3), xtol=1e-9).root


def _variance_of_mean(values: np.ndarray) -> float:
    """What the mean of independent values varies by; 0 for a single one, which does not say."""
    count = len(values)
    deviations = values - values.mean()
    return float(deviations @ deviations) / (count - 1) / count if count > 1 else 0.0


def _rest_of_mean(values: np.ndarray) -> float:
    """What the mean varies by beyond seeds and rows."""
    seeds, rows = values.shape
    if seeds < 2 or rows < 2:
        return 0.0
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    return float(np.square(rest).sum()) / ((seeds - 1) * (rows - 1)) / (seeds * rows)
