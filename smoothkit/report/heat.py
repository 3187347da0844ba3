"""How strong an entry of a matrix looks, and how it is written."""

import math
from collections.abc import Iterable

from smoothkit.report.numbers import MINUS, MISSING


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
    """A matrix entry in at most five characters: three decimals below 1, two significant digits above.

    >>> [entry(value) for value in (0.91, 0.0101, 0.00002, 0.0, 1.0, -0.25, float("nan"))]
    ['.91', '.01', '≈0', '0', '1', '−.25', '–']
    """
    if not math.isfinite(value):
        return MISSING
    if 0 < abs(value) < 0.0005:
        return "≈0"
    text = f"{value:.2g}" if abs(value) >= 1 else f"{value:.3f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1).replace("-", MINUS)
