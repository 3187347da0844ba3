"""How far apart the signed gaps of two groups are: interval, test, and what groups of such sizes can show."""

import math

from smoothkit.metrics.bins import Reliability
from smoothkit.metrics.intervals import Z, confidence_gap_interval_of, gap_variance_of
from smoothkit.statistics import Interval, detectable_gap, student_interval, student_p_value


def gap_difference_interval_of(first: Reliability, second: Reliability) -> Interval:
    """The second signed gap minus the first, by Welch's t; without bounds where a group has fewer than two rows.

    A group whose predictions are all right or all wrong shows no variance of correctness; its part of the interval
    is then that of `confidence_gap_interval_of`, and the parts are joined as Newcombe does (Statistics in Medicine 17,
    1998).
    """
    gaps = [confidence_gap_interval_of(bins) for bins in (first, second)]
    difference = gaps[1].estimate - gaps[0].estimate
    if min(int(first.total), int(second.total)) < 2:
        return Interval(difference, math.nan, math.nan, "Welch's t")
    if any(gap.method.startswith("Wilson") for gap in gaps):
        below = math.hypot(gaps[1].estimate - gaps[1].low, gaps[0].high - gaps[0].estimate)
        above = math.hypot(gaps[1].high - gaps[1].estimate, gaps[0].estimate - gaps[0].low)
        return Interval(difference, difference - below, difference + above, "Newcombe")
    return student_interval(difference, *_welch(first, second), "Welch's t")


def gap_difference_p_value_of(first: Reliability, second: Reliability) -> float:
    """The two-sided p-value that both signed gaps are one: below 0.05 where `gap_difference_interval_of` excludes 0.

    Newcombe's interval has no test of its own: there it is the normal law whose 95 % bound is the one on the side of 0.
    NaN where the interval has no bounds.
    """
    interval = gap_difference_interval_of(first, second)
    if not interval.is_defined:
        return math.nan
    if interval.method == "Newcombe":
        reach = interval.estimate - interval.low if interval.estimate > 0 else interval.high - interval.estimate
        return student_p_value(interval.estimate, reach / Z, math.inf)
    return student_p_value(interval.estimate, *_welch(first, second))


def detectable_gap_of(first: Reliability, second: Reliability) -> float:
    """The difference of signed gaps that 80 % of studies with groups of these sizes find at 5 %.

    From the variance within both groups together, since a small group's own says little; a group of one row says
    nothing of it. Infinite for an empty group, and for two single rows.
    """
    rows = (int(first.total), int(second.total))
    if min(rows) == 0 or max(rows) < 2:
        return math.inf
    squares = sum(
        float(gap_variance_of(bins)) * (count - 1)
        for bins, count in zip((first, second), rows, strict=True)
        if count > 1
    )
    pooled = squares / (sum(rows) - 2)
    return detectable_gap((pooled, pooled), rows)


def _welch(first: Reliability, second: Reliability) -> tuple[float, float]:
    """The standard error of the difference, and its degrees of freedom by Welch and Satterthwaite."""
    rows = [int(bins.total) for bins in (first, second)]
    parts = [float(gap_variance_of(bins)) / count for bins, count in zip((first, second), rows, strict=True)]
    uncertainty = sum(part**2 / (count - 1) for part, count in zip(parts, rows, strict=True))
    freedom = sum(parts) ** 2 / uncertainty if uncertainty > 0 else float(min(rows) - 1)
    return math.sqrt(sum(parts)), freedom
