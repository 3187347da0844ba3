"""Estimates and their 95 % intervals as text, with as many decimals as they need to be read."""

from smoothkit.report.numbers import LARGEST_DECIMALS, decimals, number
from smoothkit.statistics import CrossedMean

PLACES = 3
"""Decimals of gaps and of their differences, unless an interval needs more."""

NARROW = 0.002
"""Bounds that are no further apart than this look alike at three decimals."""


def fixed(value: float | None, places: int = PLACES, *, signed: bool = False) -> str:
    """A value with just so many decimals, however small it is.

    >>> fixed(-0.00004), fixed(0.0126, signed=True), fixed(None)
    ('0.000', '+0.013', '–')
    """
    return number(None if value is None else round(value, places), places, signed=signed)


def interval_text(mean: CrossedMean) -> str:
    """The interval in brackets; empty where there is none.

    >>> interval_text(CrossedMean(0.02, 0.01, float("inf"), "by hand"))
    '[+0.0004, +0.0396]'
    """
    interval = mean.interval
    if not interval.is_defined:
        return ""
    low, high = (fixed(bound, places_of(mean), signed=True) for bound in (interval.low, interval.high))
    return f"[{low}, {high}]"


def with_interval(mean: CrossedMean) -> str:
    """A signed estimate and its interval, to the same decimals.

    >>> with_interval(CrossedMean(0.02, 0.01, float("inf"), "by hand"))
    '+0.0200 [+0.0004, +0.0396]'
    """
    return f"{fixed(mean.estimate, places_of(mean), signed=True)} {interval_text(mean)}".rstrip()


def places_of(mean: CrossedMean) -> int:
    """Decimals that tell the bounds from each other, and from a 0 that lies outside."""
    interval = mean.interval
    if not interval.is_defined:
        return PLACES
    width = interval.high - interval.low
    places = max(PLACES, decimals([width / 2], [])) if 0 < width < NARROW else PLACES
    nearest = min(abs(interval.low), abs(interval.high))
    while places < LARGEST_DECIMALS and interval.excludes(0.0) and round(nearest, places) == 0:
        places += 1
    return min(places, LARGEST_DECIMALS)


def apart(one: float, other: float) -> int:
    """The fewest decimals, from three on, at which two numbers read differently."""
    tried = range(PLACES, LARGEST_DECIMALS)
    return next((places for places in tried if round(one, places) != round(other, places)), LARGEST_DECIMALS)
