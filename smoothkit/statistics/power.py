"""What a study can see: the smallest difference its number of pairs shows, and the pairs a difference needs."""

import functools
import math

import numpy as np
from scipy.special import nctdtr, ndtri, stdtrit

from smoothkit.statistics.interval import LEVEL

POWER = 0.8
"""The share of studies with a difference that are to find it."""

_MOST_PAIRS = 10**9


def paired_power(difference: float, deviation: float, pairs: int, level: float = LEVEL) -> float:
    """The chance that a two-sided paired t test of `pairs` pairs, at 5 % or another `level`, finds a true difference.

    The differences are normal with this true mean and standard deviation, so the statistic follows the noncentral t of
    `pairs` - 1 degrees of freedom around sqrt(pairs) * difference / deviation: exact for any number of pairs. Raises
    ValueError for fewer than 2 pairs, for a deviation that is not above 0, and for what is not finite.

    >>> round(paired_power(1.0, 1.0, 10), 4)
    0.8031
    """
    if pairs < 2:
        raise ValueError(f"power: a paired test takes at least 2 pairs, got {pairs}; run more seeds")
    if not math.isfinite(difference):
        raise ValueError(f"power: the difference must be a finite number, got {difference}")
    _check_deviation(deviation)
    shift = math.sqrt(pairs) * abs(difference) / deviation
    critical = float(stdtrit(pairs - 1, 1 - level / 2))
    below, missed = nctdtr(pairs - 1, shift, [-critical, critical])
    # SciPy gives NaN where a tail has no mass to double precision.
    return 1 - float(np.nan_to_num(missed)) + float(np.nan_to_num(below))


def detectable_difference(deviation: float, pairs: int, level: float = LEVEL) -> float:
    """The true difference that 80 % of studies with `pairs` pairs find by a paired t test at `level`, in its own unit.

    A study that "shows no difference" says nothing about differences below it. The deviation is taken as known; one
    estimated from few seeds is itself uncertain, and so is the result. For many pairs it tends at 5 % to
    (z(0.975) + z(0.8)) deviation / sqrt(pairs), that is 2.8 standard errors. Raises ValueError as
    `paired_power` does.

    >>> round(detectable_difference(1.0, 5), 3)
    1.682
    """
    _check_deviation(deviation)
    return _detectable_in_deviations(pairs, level) * deviation


# The variants of a study have as many pairs and one level, so that all its comparisons ask for the same few numbers.
@functools.cache
def _detectable_in_deviations(pairs: int, level: float) -> float:
    """`detectable_difference` in units of the deviation."""
    # Importing SciPy's optimisers takes longer than the search, and most processes do not come here.
    from scipy.optimize import root_scalar

    upper = 1.0
    while paired_power(upper, 1.0, pairs, level) < POWER:
        upper *= 2
    found = root_scalar(
        lambda effect: paired_power(effect, 1.0, pairs, level) - POWER, bracket=(0.0, upper), xtol=1e-12
    )
    return found.root


def pairs_needed(difference: float, deviation: float) -> int:
    """The fewest pairs with which 80 % of studies find this true difference at 5 % by a paired t test.

    Raises ValueError for a difference of 0, which nothing finds, for one so small that a billion pairs do not do, and
    as `paired_power` does.

    >>> pairs_needed(1.0, 1.0)
    10
    """
    if difference == 0:
        raise ValueError("power: no number of pairs shows a difference of 0; name the smallest that matters")
    low, high = 1, 2
    while paired_power(difference, deviation, high) < POWER:
        if high >= _MOST_PAIRS:
            raise ValueError(f"power: a difference of {difference} takes more than {_MOST_PAIRS} pairs to show")
        low, high = high, min(2 * high, _MOST_PAIRS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if paired_power(difference, deviation, middle) >= POWER else (middle, high)
    return high


def detectable_gap(variances: tuple[float, float], rows: tuple[int, int]) -> float:
    """The difference of two independent means that 80 % of z tests at 5 % find, in their unit.

    (z(0.975) + z(0.8)) sqrt(v1 / n1 + v2 / n2), of two samples with `variances` per row and `rows` rows; infinite
    where a sample is empty.

    >>> round(detectable_gap((0.195, 0.195), (1000, 100)), 3)
    0.13
    """
    if min(rows) == 0:
        return math.inf
    error = math.sqrt(sum(variance / count for variance, count in zip(variances, rows, strict=True)))
    return float(ndtri(1 - LEVEL / 2) + ndtri(POWER)) * error


def _check_deviation(deviation: float) -> None:
    if not 0 < deviation < math.inf:
        raise ValueError(f"power: the deviation of the differences must be finite and above 0, got {deviation}")
