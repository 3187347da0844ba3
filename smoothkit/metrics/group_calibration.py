"""Whether groups differ in calibration: estimates that a group's size does not move, with intervals and power.

A plug-in calibration error is biased upward, most in small groups, so two groups that are alike look unlike: compare
the signed gap first, the debiased square second, and the familiar error only at equal size. Everything is computed from
each group's bins, which share their edges.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from smoothkit.metrics.bins import BINS, BinSums, Reliability, equal_mass_edges, equal_width_edges
from smoothkit.metrics.calibration import (
    Binning,
    calibration_error_of,
    null_calibration_error_of,
)
from smoothkit.metrics.events import check_events
from smoothkit.metrics.groups import group_names
from smoothkit.metrics.intervals import (
    confidence_gap_interval_of,
    debiased_squared_error_interval_of,
    debiased_squared_error_replicates,
    gap_variance_of,
)
from smoothkit.metrics.matching import matched_calibration_error_of, same_curve_p_value
from smoothkit.statistics import Interval, detectable_gap, holm, recentred_interval, student_interval
from smoothkit.statistics.resampling import RESAMPLES

Verdict = Literal["higher", "lower", "open"]
"""What the signed gaps of two groups show: the second is more over-confident, less, or nothing is shown."""


@dataclass(frozen=True, kw_only=True)
class GroupCalibration:
    """The calibration of one group; NaN, with a note, what its rows do not allow."""

    rows: int
    confidence: float
    """Mean confidence, 0 to 1."""
    accuracy: float
    """The share of right predictions, 0 to 1."""
    gap: Interval
    """Mean confidence minus accuracy: positive is over-confident."""
    ece: float
    """The expected calibration error: biased upward, so not to be compared between groups of different size."""
    null_ece: float
    """The ECE that a perfectly calibrated model would show on average in this group."""
    squared_error: Interval
    """The debiased squared calibration error; negative values are chance."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class GroupComparison:
    """The second group against the first; differences are the second's value minus the first's."""

    first: str
    second: str
    gap: Interval
    """The difference of the signed gaps: without bias whatever the sizes."""
    squared_error: Interval
    """The difference of the debiased squared errors."""
    matched_ece: float
    """The difference of the ECE at equal size: the larger group is cut down to the smaller, on average over cuts."""
    p_value: float
    """Of the hypothesis that both groups have one calibration curve, by permutation within bins."""
    p_holm: float
    """The same, corrected for all the pairs that were compared with it."""
    detectable: float
    """The difference of signed gaps that groups of these sizes show in 80 % of studies."""
    verdict: Verdict
    words: str
    """The verdict in words, with what it rests on."""


def bins_by_group(
    confidence: Float64[Tensor, " rows"],
    correctness: Float64[Tensor, " rows"],
    groups: Int[Tensor, " ids"],
    *,
    names: Sequence[str] | None = None,
    bins: int = BINS,
    binning: Binning = "width",
) -> dict[str, Reliability]:
    """The events of each group in bins that all groups share: of equal width, or of equal mass over all groups.

    Group ids are 0 to G - 1; `names` says what they are called. A group without rows has empty bins.

    Raises:
        ValueError: there are no events, a value lies outside 0..1, or an id is not one of the names'.
    """
    check_events("bins_by_group", confidence, correctness)
    if not len(confidence) == len(correctness) == len(groups):
        raise ValueError(f"bins_by_group: {len(groups)} ids for {len(confidence)} rows; give every row one id")
    mass = binning == "mass"
    edges = equal_mass_edges(confidence, bins) if mass else equal_width_edges(bins, confidence.device)
    known = group_names(groups, names)
    sums = BinSums(edges, groups=len(known))
    sums.add(confidence, correctness, groups.long())
    found = sums.reliability()
    return {name: found.group(index) for index, name in enumerate(known)}


def calibration_by_group(
    groups: Mapping[str, Reliability], generator: np.random.Generator, resamples: int = RESAMPLES
) -> dict[str, GroupCalibration]:
    """The calibration of each group, from bins with common edges; see `bins_by_group`."""
    return {name: _group_calibration(bins, generator, resamples) for name, bins in groups.items()}


def compare_groups(
    groups: Mapping[str, Reliability], generator: np.random.Generator, resamples: int = RESAMPLES
) -> list[GroupComparison]:
    """Every pair of groups, in the order of the groups, with p-values corrected for the number of pairs (Holm).

    A verdict is refused (`open`) where the interval of the gaps' difference holds 0, and also where the difference is
    below what groups of these sizes can be expected to show, since what is then found is exaggerated if it is real.
    Groups may hold up to 10^9 rows each.

    Raises:
        ValueError: groups differ in the edges of their bins.
    """
    edges = [bins.edges for bins in groups.values()]
    if any(not torch.equal(edges[0], others) for others in edges):
        raise ValueError("compare_groups: all groups must have the same bins; make them with bins_by_group")
    pairs = [
        _comparison(first, second, groups[first], groups[second], generator, resamples)
        for first, second in itertools.combinations(groups, 2)
    ]
    tested = [pair for pair in pairs if not math.isnan(pair.p_value)]
    corrected = dict(zip(map(id, tested), holm([pair.p_value for pair in tested]), strict=True))
    return [replace(pair, p_holm=corrected.get(id(pair), math.nan)) for pair in pairs]


def worst_group(groups: Mapping[str, GroupCalibration]) -> str | None:
    """The group that is shown to be furthest from a signed gap of 0: by the bound of its interval that is nearer to 0.

    None where every interval holds 0. The largest estimate itself would most often be the smallest group's, by chance.
    """
    shown = {
        name: min(abs(group.gap.low), abs(group.gap.high)) for name, group in groups.items() if group.gap.excludes(0.0)
    }
    return max(shown, key=lambda name: shown[name], default=None)


def gap_difference_interval_of(first: Reliability, second: Reliability) -> Interval:
    """The second signed gap minus the first, by Welch's t; without bounds where a group has fewer than two rows.

    A group whose predictions are all right or all wrong shows no variance of correctness; its part of the interval
    is then that of `confidence_gap_interval_of`, and the parts are joined as Newcombe does (Statistics in Medicine 17,
    1998).
    """
    gaps = [confidence_gap_interval_of(bins) for bins in (first, second)]
    difference = gaps[1].estimate - gaps[0].estimate
    rows = [int(bins.total) for bins in (first, second)]
    if min(rows) < 2:
        return Interval(difference, math.nan, math.nan, "Welch's t")
    if any(gap.method.startswith("Wilson") for gap in gaps):
        below = math.hypot(gaps[1].estimate - gaps[1].low, gaps[0].high - gaps[0].estimate)
        above = math.hypot(gaps[1].high - gaps[1].estimate, gaps[0].estimate - gaps[0].low)
        return Interval(difference, difference - below, difference + above, "Newcombe")
    parts = [float(gap_variance_of(bins)) / count for bins, count in zip((first, second), rows, strict=True)]
    uncertainty = sum(part**2 / (count - 1) for part, count in zip(parts, rows, strict=True))
    freedom = sum(parts) ** 2 / uncertainty if uncertainty > 0 else float(min(rows) - 1)
    return student_interval(difference, math.sqrt(sum(parts)), freedom, "Welch's t")


def detectable_gap_of(first: Reliability, second: Reliability) -> float:
    """The difference of signed gaps that 80 % of studies with groups of these sizes find at 5 %.

    From the variance of all rows of both together, since a small group's own says little; infinite for an empty group.
    """
    rows = (int(first.total), int(second.total))
    if min(rows) == 0:
        return math.inf
    parts = [float(gap_variance_of(bins)) * (count - 1) for bins, count in zip((first, second), rows, strict=True)]
    if sum(rows) < 3:
        return math.inf
    pooled = sum(part for part in parts if not math.isnan(part)) / (sum(rows) - sum(count > 1 for count in rows))
    return detectable_gap((pooled, pooled), rows)


def _group_calibration(bins: Reliability, generator: np.random.Generator, resamples: int) -> GroupCalibration:
    rows = int(bins.total)
    right = float(bins.correctness_sum.sum())
    return GroupCalibration(
        rows=rows,
        confidence=float(bins.confidence_sum.sum()) / rows if rows else math.nan,
        accuracy=right / rows if rows else math.nan,
        gap=confidence_gap_interval_of(bins),
        ece=float(calibration_error_of(bins)) if rows else math.nan,
        null_ece=float(null_calibration_error_of(bins)),
        squared_error=_squared_error(bins, generator, resamples),
        note=_note(rows, right),
    )


def _note(rows: int, right: float) -> str:
    """What is unusual about a group, if anything."""
    if rows < 2:
        return "one row" if rows else "no rows"
    if right in (0.0, float(rows)):
        return "all predictions are right" if right else "no prediction is right"
    return ""


def _squared_error(bins: Reliability, generator: np.random.Generator, resamples: int) -> Interval:
    """Resampling one row, or rows that all came out alike, shows no spread: then there are no bounds."""
    interval = debiased_squared_error_interval_of(bins, generator, resamples)
    varied = int(bins.total) > 1 and 0 < float(bins.correctness_sum.sum()) < int(bins.total)
    return interval if varied else interval._replace(low=math.nan, high=math.nan)


def _comparison(
    name: str, other: str, first: Reliability, second: Reliability, generator: np.random.Generator, resamples: int
) -> GroupComparison:
    gap, detectable = gap_difference_interval_of(first, second), detectable_gap_of(first, second)
    verdict, words = _judge(gap, detectable, (name, other), (int(first.total), int(second.total)))
    p_value = same_curve_p_value(first, second, generator, resamples)
    return GroupComparison(
        first=name,
        second=other,
        gap=gap,
        squared_error=_squared_error_difference(first, second, generator, resamples),
        matched_ece=_matched_difference(first, second, generator),
        p_value=p_value,
        p_holm=p_value,
        detectable=detectable,
        verdict=verdict,
        words=words,
    )


def _squared_error_difference(
    first: Reliability, second: Reliability, generator: np.random.Generator, resamples: int
) -> Interval:
    parts = [_squared_error(bins, generator, 1) for bins in (first, second)]
    difference = parts[1].estimate - parts[0].estimate
    if math.isnan(parts[0].low) or math.isnan(parts[1].low):
        return Interval(difference, math.nan, math.nan, "recentred bootstrap")
    replicates = [debiased_squared_error_replicates(bins, generator, resamples) for bins in (first, second)]
    return recentred_interval(difference, replicates[1] - replicates[0])


def _matched_difference(first: Reliability, second: Reliability, generator: np.random.Generator) -> float:
    rows = min(int(first.total), int(second.total))
    if rows == 0:
        return math.nan
    errors = [matched_calibration_error_of(bins, rows, generator) for bins in (first, second)]
    return errors[1] - errors[0]


def _judge(gap: Interval, detectable: float, names: tuple[str, str], rows: tuple[int, int]) -> tuple[Verdict, str]:
    if not gap.is_defined:
        return "open", f"no comparison: {names[int(rows[1] < rows[0])]} has {min(rows)} of the 2 rows it takes"
    limit = f"groups of {rows[0]} and {rows[1]} rows show differences from {detectable:.3f} on"
    if not gap.excludes(0.0):
        return "open", f"no difference shown: {limit}"
    if abs(gap.estimate) < detectable:
        return "open", f"too few rows for a verdict: {limit}"
    more = "more" if gap.estimate > 0 else "less"
    return ("higher" if gap.estimate > 0 else "lower"), f"{names[1]} is {more} over-confident than {names[0]}"
