"""What the cells of a study's tables hold: estimates with their intervals, under the heading of their variant."""

import math
from collections.abc import Callable, Iterable, Sequence

from smoothkit.report.numbers import MISSING, known
from smoothkit.report.table import Cell, Row, Section, Strip, span
from smoothkit.statistics import CrossedMean
from smoothkit_fairness.intervals import fixed, interval_text, places_of
from smoothkit_fairness.readings import Variant


def sections(variants: Sequence[Variant], rows: Callable[[Variant], Iterable[Row]]) -> tuple[Section, ...]:
    """A section for each variant that has rows."""
    found = (Section(heading=variant.name, rows=tuple(rows(variant))) for variant in variants)
    return tuple(section for section in found if section.rows)


def interval_cells(mean: CrossedMean, scale: tuple[float, float]) -> Row:
    """An estimate, and its interval in words and as a strip."""
    estimate = fixed(known(mean.estimate), places_of(mean), signed=True)
    interval, bounds = mean.interval, interval_text(mean)
    if not bounds:
        return Cell(text=estimate), Cell(text=MISSING)
    strip = Strip(
        points=(mean.estimate,),
        scale=scale,
        mark=0.0,
        interval=(interval.low, interval.high),
        description=f"{estimate}, interval {bounds}",
    )
    return Cell(text=estimate), Cell(text=bounds, strip=strip)


def scale_of(means: Iterable[CrossedMean]) -> tuple[float, float]:
    """The scale that holds 0, all estimates and all bounds."""
    ends = (end for mean in means for end in (mean.estimate, mean.interval.low, mean.interval.high))
    return span([0.0, *(end for end in ends if math.isfinite(end))])


def methods(means: Iterable[CrossedMean]) -> str:
    """How the intervals were made, which may differ where rows are missing."""
    return ", or ".join(dict.fromkeys(mean.method for mean in means if mean.freedom > 0)) or "none"
