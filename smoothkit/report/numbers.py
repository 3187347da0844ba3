"""Numbers as text, with as many digits as their spread supports."""

import math
import statistics
from collections.abc import Iterable, Sequence

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
LARGEST_DECIMALS = 6
"""Decimals that are written; values too small for them have an exponent."""


def decimals(spreads: Iterable[float | None], values: Iterable[float | None]) -> int:
    """Decimals that show a typical one of `spreads` with two significant digits.

    Without a positive spread, those that show a typical one of `values` with four; none for whole numbers. The median
    is what is typical, so that one diverged or one lucky variant does not take the digits of a whole column. Whatever
    is not finite takes no part.

    >>> decimals([0.0123, 0.0011, 0.0140], [0.97, 0.98, 0.97])
    3
    >>> decimals([None], [0.97123]), decimals([0.0], [8.0])
    (4, 0)
    """
    # The mean of two middle values may be more than a float holds.
    if positive := [spread for spread in spreads if spread is not None and 0 < spread < math.inf]:
        return max(0, 1 - math.floor(math.log10(statistics.median_low(positive))))
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if all(size.is_integer() for size in sizes):
        return 0
    return max(0, 3 - math.floor(math.log10(statistics.median_low(sizes))))


def known(value: float) -> float | None:
    """The value, or None where there is none to show: a table has a dash there, a figure nothing."""
    return value if math.isfinite(value) else None


def number(value: float | None, places: int, *, signed: bool = False) -> str:
    """`value` with `places` decimals; a dash where there is no value.

    There are six decimals at most. A value too small to show at its decimals is written with two significant digits
    of its own.

    >>> number(0.91234, 3), number(0.0004, 2), number(-12.0, 0, signed=True), number(None, 2)
    ('0.912', '0.0004', '−12', '–')
    """
    if value is None:
        return MISSING
    shown = min(places, LARGEST_DECIMALS)
    # Where decimals were cut off, a value needs two digits to be as good as asked for.
    least = 10.0 ** (1 - LARGEST_DECIMALS) if places > shown else 0.5 * 10.0**-places
    positive_zero = value + 0.0
    text = f"{value:.2g}" if 0 < abs(value) <= least else f"{positive_zero:.{shown}f}"
    sign = "+" if signed and value > 0 else ""
    return sign + text.replace("-", MINUS)


def mean_and_spread(mean: float | None, std: float | None, places: int) -> str:
    """`mean ± std`; the mean alone where there is no spread.

    >>> mean_and_spread(0.91234, 0.0123, 3), mean_and_spread(0.5, None, 2)
    ('0.912 ± 0.012', '0.50')
    """
    return number(mean, places) if std is None else f"{number(mean, places)} ± {number(std, places)}"


def p_value(p: float | None) -> str:
    """A p-value with two significant digits, down to a thousandth.

    >>> [p_value(p) for p in (0.0312, 0.5, 0.00002, 1.0, None)]
    ['0.031', '0.50', '<0.001', '1.00', '–']
    """
    if p is None:
        return MISSING
    if p < 0.001:
        return "<0.001"
    return f"{p:.2f}" if p >= 0.095 else f"{p:.3f}"


def count(quantity: int, noun: str) -> str:
    """How many of something.

    >>> count(1, "seed"), count(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{quantity} {noun}" if quantity == 1 else f"{quantity} {noun}s"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them; there is at least one.

    >>> listed(["all"]), listed(["all", "others"]), listed(["K = 2", "K = 10", "K = 100"])
    ('all', 'all and others', 'K = 2, K = 10 and K = 100')
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def quoted(names: Sequence[str]) -> list[str]:
    """Names for a list of them: all in quotes where one has a comma itself, else as they are.

    >>> quoted(["hard", "soft"]), quoted(["hard", "LS, 20 labels"])
    (['hard', 'soft'], ['“hard”', '“LS, 20 labels”'])
    """
    return [f"“{name}”" for name in names] if any("," in name for name in names) else list(names)
