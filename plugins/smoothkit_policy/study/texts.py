"""Estimates with their intervals, as cells of tables have them."""

from smoothkit.report.numbers import known, number
from smoothkit.statistics import Interval


def ranged(interval: Interval, places: int, factor: int = 1) -> str:
    """An estimate, and its bounds if it has any; times a factor, 100 for percent.

    >>> ranged(Interval(0.5, 0.25, 0.75, "by hand"), 0, factor=100)
    '50 [25, 75]'
    """
    estimate, low, high = (
        number(known(factor * each), places) for each in (interval.estimate, interval.low, interval.high)
    )
    return f"{estimate} [{low}, {high}]" if interval.is_defined else estimate
