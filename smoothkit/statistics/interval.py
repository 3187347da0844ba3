"""What an interval is to the rest of the toolkit, and its level."""

import math
from typing import NamedTuple

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
"""Coverage of every interval."""

TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
"""The two quantiles that bound an interval of this coverage."""

LEVEL = 0.05
"""The share of studies without a difference that report one."""


class Interval(NamedTuple):
    """An estimate between the bounds of its 95 % interval, both NaN where the data allow none, and how it was made."""

    estimate: float
    low: float
    high: float
    method: str

    @property
    def is_defined(self) -> bool:
        """Whether there are bounds, finite ones, at all."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside; False where there are no bounds, since nothing is then shown.

        >>> Interval(0.2, 0.1, 0.3, "by hand").excludes(0.0)
        True
        """
        return self.is_defined and not self.low <= value <= self.high


def student_interval(estimate: float, error: float, freedom: float, method: str) -> Interval:
    """The interval of an estimate with a standard error that has `freedom` degrees of freedom: ± t times the error.

    Unbounded knowledge of the error (`freedom` infinite) gives the normal interval. Without a degree of freedom, or
    with an error that is NaN, there are no bounds.

    >>> low, high = student_interval(2.0, 0.5, 2.0, "by hand")[1:3]
    >>> round(low, 4), round(high, 4)
    (-0.1513, 4.1513)
    """
    if not freedom > 0:
        return Interval(estimate, math.nan, math.nan, method)
    margin = float(stdtrit(freedom, TAILS[1])) * error
    return Interval(estimate, estimate - margin, estimate + margin, method)


def student_p_value(estimate: float, error: float, freedom: float) -> float:
    """The two-sided p-value that the estimate is one of 0: below 0.05 exactly where `student_interval` excludes 0.

    NaN where that interval has no bounds. An error of 0 leaves no doubt: 0, or 1 for an estimate of 0.

    >>> round(student_p_value(2.0, 0.5, 2.0), 6)
    0.057191
    """
    if not freedom > 0 or math.isnan(error):
        return math.nan
    if error == 0:
        return float(estimate == 0)
    return 2 * float(stdtr(freedom, -abs(estimate) / error))
