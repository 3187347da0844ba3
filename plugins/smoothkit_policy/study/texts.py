"""Estimates with their intervals, as cells of tables have them."""

from math import isclose

from smoothkit.report.numbers import known, number
from smoothkit.statistics import Interval

ROUNDING = 1e-9
"""Share of a bound, or of 1, by which rounding alone sets two apart."""


def has_spread(interval: Interval) -> bool:
    """Whether there are bounds, and they differ by more than rounding: values that all agree have nothing to resample.

    >>> has_spread(Interval(2.0, 1.0, 2.0, "by hand")), has_spread(Interval(0.0, 0.0, 1e-16, "by hand"))
    (True, False)
    """
    return interval.is_defined and not isclose(interval.low, interval.high, rel_tol=ROUNDING, abs_tol=ROUNDING)


def ranged(interval: Interval, places: int, factor: int = 1) -> str:
    """An estimate, and its bounds if it has any that differ; times a factor, 100 for percent.

    >>> ranged(Interval(0.5, 0.25, 0.75, "by hand"), 0, factor=100)
    '50 [25, 75]'
    """
    estimate, low, high = (
        number(known(factor * each), places) for each in (interval.estimate, interval.low, interval.high)
    )
    return f"{estimate} [{low}, {high}]" if has_spread(interval) else estimate
