"""Whether groups differ in calibration: estimates that a group's size does not move, with intervals and power.

A plug-in calibration error is biased upward, most in small groups, so two groups that are alike look unlike: compare
the signed gap first, the debiased square second, and the familiar error only at equal size. Everything is computed from
each group's bins, which share their edges.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from smoothkit.metrics.bins import BINS, BinSums, Reliability, equal_mass_edges, equal_width_edges
from smoothkit.metrics.boundary import check_choice
from smoothkit.metrics.calibration import Binning, calibration_error_of, null_calibration_error_of
from smoothkit.metrics.events import check_events
from smoothkit.metrics.gap_difference import (
    detectable_gap_of,
    gap_difference_interval_of,
    gap_difference_p_value_of,
)
from smoothkit.metrics.groups import group_names
from smoothkit.metrics.intervals import (
    confidence_gap_interval_of,
    confidence_gap_p_value_of,
    debiased_squared_error_interval_of,
    debiased_squared_error_replicates,
)
from smoothkit.metrics.matching import matched_calibration_error_of, same_curve_p_value
from smoothkit.statistics import LEVEL, Interval, holm, recentred_interval
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
    gap_p_value: float
    """Of the hypothesis that the gap is 0, for this group by itself."""
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
    """The difference of the signed gaps: without bias whatever the sizes. The interval is of this pair alone."""
    gap_p_holm: float
    """Of the hypothesis that both gaps are one, corrected for all the pairs that were compared with it."""
    squared_error: Interval
    """The difference of the debiased squared errors."""
    matched_ece: float
    """The difference of the ECE at equal size: the larger group is cut down to the smaller, on average over cuts."""
    p_value: float
    """Of the hypothesis that both groups have one calibration curve, by permutation within bins."""
    p_holm: float
    """The same, corrected for all those pairs."""
    detectable: float
    """The difference of signed gaps that groups of these sizes show in 80 % of studies of this pair alone."""
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
        ValueError: there are no events, a value lies outside 0..1, an id is not one of the names', or `binning` is
            neither.
    """
    check_choice("bins_by_group", "binning", binning, Binning)
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

    A verdict is refused (`open`) where the corrected p-value of the gaps' difference is above 0.05, so that the chance
    of any false verdict is at most 5 % however many groups there are; and also where the difference is below what
    groups of these sizes can be expected to show, since what is then found is exaggerated if it is real. Groups may
    hold up to 10^9 rows each.

    Raises:
        ValueError: groups differ in the edges of their bins.
    """
    edges = [bins.edges for bins in groups.values()]
    if any(not torch.equal(edges[0], others) for others in edges):
        raise ValueError("compare_groups: all groups must have the same bins; make them with bins_by_group")
    pairs = list(itertools.combinations(groups.items(), 2))
    gaps = _corrected([gap_difference_p_value_of(first, second) for (_, first), (_, second) in pairs])
    curves = [same_curve_p_value(first, second, generator, resamples) for (_, first), (_, second) in pairs]
    # Once for each group, which is in many pairs: what two groups draw is independent of each other all the same.
    drawn = {name: _squared_error(bins, generator, resamples) for name, bins in groups.items()}
    return [
        _comparison(*pair, _PValues(gap, curve, curve_holm, len(pairs)), drawn, generator)
        for pair, gap, curve, curve_holm in zip(pairs, gaps, curves, _corrected(curves), strict=True)
    ]


def worst_group(groups: Mapping[str, GroupCalibration]) -> str | None:
    """The group that is shown to be furthest from a signed gap of 0: by the bound of its interval that is nearer to 0.

    None where no group's gap has a p-value of at most 0.05, corrected for the number of groups (Holm): where all are
    calibrated, one is named in at most 5 % of cases. The largest estimate itself would most often be the smallest
    group's, by chance.
    """
    corrected = _corrected([group.gap_p_value for group in groups.values()])
    shown = {
        name: min(abs(group.gap.low), abs(group.gap.high))
        for (name, group), p_value in zip(groups.items(), corrected, strict=True)
        if p_value <= LEVEL
    }
    return max(shown, key=lambda name: shown[name], default=None)


def _group_calibration(bins: Reliability, generator: np.random.Generator, resamples: int) -> GroupCalibration:
    rows = int(bins.total)
    right = float(bins.correctness_sum.sum())
    return GroupCalibration(
        rows=rows,
        confidence=float(bins.confidence_sum.sum()) / rows if rows else math.nan,
        accuracy=right / rows if rows else math.nan,
        gap=confidence_gap_interval_of(bins),
        gap_p_value=confidence_gap_p_value_of(bins),
        ece=float(calibration_error_of(bins)) if rows else math.nan,
        null_ece=float(null_calibration_error_of(bins)),
        squared_error=debiased_squared_error_interval_of(bins, generator, resamples),
        note=_note(rows, right),
    )


def _note(rows: int, right: float) -> str:
    """What is unusual about a group, if anything."""
    if rows < 2:
        return "one row" if rows else "no rows"
    if right in (0.0, float(rows)):
        return "all predictions are right" if right else "no prediction is right"
    return ""


class _SquaredError(NamedTuple):
    """The debiased squared error of a group."""

    estimate: float
    replicates: Float64[np.ndarray, " resamples"] | None
    """It in resamples of the group; None where they would show no chance."""


class _PValues(NamedTuple):
    """What testing all pairs together says of one."""

    gap_holm: float
    curve: float
    curve_holm: float
    pairs: int


def _corrected(p_values: Sequence[float]) -> list[float]:
    """Holm's p-values; those that are undefined stay so and are not counted."""
    adjusted = iter(holm([value for value in p_values if not math.isnan(value)]))
    return [value if math.isnan(value) else next(adjusted) for value in p_values]


def _comparison(
    one: tuple[str, Reliability],
    other: tuple[str, Reliability],
    p_values: _PValues,
    errors: Mapping[str, _SquaredError],
    generator: np.random.Generator,
) -> GroupComparison:
    (name, first), (other_name, second) = one, other
    gap, detectable = gap_difference_interval_of(first, second), detectable_gap_of(first, second)
    rows = (int(first.total), int(second.total))
    verdict, words = _judge(gap, p_values, detectable, (name, other_name), rows)
    return GroupComparison(
        first=name,
        second=other_name,
        gap=gap,
        gap_p_holm=p_values.gap_holm,
        squared_error=_squared_error_difference(errors[name], errors[other_name]),
        matched_ece=_matched_difference(first, second, generator),
        p_value=p_values.curve,
        p_holm=p_values.curve_holm,
        detectable=detectable,
        verdict=verdict,
        words=words,
    )


def _squared_error(bins: Reliability, generator: np.random.Generator, resamples: int) -> _SquaredError:
    # Whether there are bounds does not depend on how many resamples there are.
    alone = debiased_squared_error_interval_of(bins, generator, 1)
    drawn = debiased_squared_error_replicates(bins, generator, resamples) if alone.is_defined else None
    return _SquaredError(alone.estimate, drawn)


def _squared_error_difference(first: _SquaredError, second: _SquaredError) -> Interval:
    difference = second.estimate - first.estimate
    if first.replicates is None or second.replicates is None:
        return Interval(difference, math.nan, math.nan, "recentred bootstrap")
    return recentred_interval(difference, second.replicates - first.replicates)


def _matched_difference(first: Reliability, second: Reliability, generator: np.random.Generator) -> float:
    rows = min(int(first.total), int(second.total))
    if rows == 0:
        return math.nan
    errors = [matched_calibration_error_of(bins, rows, generator) for bins in (first, second)]
    return errors[1] - errors[0]


def _judge(
    gap: Interval, p_values: _PValues, detectable: float, names: tuple[str, str], rows: tuple[int, int]
) -> tuple[Verdict, str]:
    if not gap.is_defined:
        return "open", f"no comparison: {names[int(rows[1] < rows[0])]} has {min(rows)} of the 2 rows it takes"
    limit = f"groups of {rows[0]} and {rows[1]} rows show differences from {detectable:.3f} on"
    if not gap.excludes(0.0):
        return "open", f"no difference shown: {limit}"
    if p_values.gap_holm > LEVEL:
        return "open", f"no difference shown, corrected for {p_values.pairs} pairs: {limit}"
    if abs(gap.estimate) < detectable:
        return "open", f"too few rows for a verdict: {limit}"
    more = "more" if gap.estimate > 0 else "less"
    return ("higher" if gap.estimate > 0 else "lower"), f"{names[1]} is {more} over-confident than {names[0]}"
