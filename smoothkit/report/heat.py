"""How strong an entry of a matrix looks, and how it is written: positive ones are blue, negative ones orange."""

import math
from collections.abc import Iterable

from smoothkit.report.numbers import MINUS, MISSING

POSITIVE, NEGATIVE = "#003463", "#661d00"
"""What entries of full strength look like on white paper; weaker ones pale into it."""
STRONG = 0.66
"""From this strength on, the ink on a cell is light where the paper is: the contrasts of both colours rest on it."""


def power_of(columns: int) -> float:
    """The power of an entry that is its strength.

    Target matrices differ in small entries beside a diagonal near 1, which a linear scale shows as one colour. The
    power is chosen by the number K of columns alone, so that pictures of several variants compare: 0.1 / K lies a
    tenth of the way up.

    >>> round(0.01 ** power_of(10), 12)
    0.1
    """
    return 1 / (1 + math.log10(columns))


def bound_of(values: Iterable[float | None]) -> float:
    """The absolute value that has full strength: 1, or the largest there is if that is more."""
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=1.0)
    return max(largest, 1.0)


def entry(value: float) -> str:
    """A matrix entry: three decimals below 1, one up to 10, none beyond, and an exponent from ten thousand on.

    That is five characters at most, below 1e100.

    >>> [entry(value) for value in (0.91, 0.0101, 0.00002, 0.0, 1.0, -0.25, -123.4, 25600.0, float("nan"))]
    ['.91', '.01', '≈0', '0', '1', '−.25', '−123', '3e4', '–']
    """
    size = abs(value)
    if not math.isfinite(value):
        return MISSING
    if 0 < size < 0.0005:
        return "≈0"
    if size >= 9999.5:
        text = f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    elif size >= 9.95:
        text = f"{value:.0f}"
    else:
        # Adding 0 takes the sign of a negative zero.
        text = f"{value + 0.0:.{1 if size >= 1 else 3}f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1).replace("-", MINUS)
