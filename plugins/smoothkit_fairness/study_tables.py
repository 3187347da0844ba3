"""The tables of a study: groups, pairs of groups, temperature, and each variant against the baseline."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from smoothkit.report.numbers import MISSING, mean_and_spread, number, p_value
from smoothkit.report.table import Cell, Row, Section, Strip, Table, span
from smoothkit.statistics import CrossedMean
from smoothkit_fairness.names import Stage, of_group, of_pair
from smoothkit_fairness.readings import Variant, change, change_of_difference, shows
from smoothkit_fairness.series import AlphaSeries, ece_quantity
from smoothkit_fairness.verdicts import PLACES, PairVerdict

MOST_PAIRS = 10
"""Pairs that are all listed; of more, those with a verdict."""

STAGES: Mapping[Stage, str] = {
    "": "as the file asks",
    "_scaled": "one temperature",
    "_scaled_by_group": "one per group",
}

PAIR_NOTES = (
    "Difference: the signed gap of the group named first minus that of the other; the interval is of this pair alone, "
    "p (Holm) is corrected for the pairs of a variant. Detectable: the smallest difference that 80 % of such studies "
    "find, at 5 % divided by the number of pairs. A verdict takes p ≤ 0.05 and a difference not below it.",
    "ECE: the difference at equal group size. Same curve: the p-value that both groups have one calibration curve; of "
    "several seeds twice the median.",
)

Verdicts = Mapping[str, Sequence[PairVerdict]]
"""By variant."""


def group_table(variants: Sequence[Variant]) -> Table:
    """Each group of each variant: accuracy, signed gap with its interval, and calibration errors."""
    gaps = {(variant.name, group): variant.gap(group) for variant in variants for group in variant.groups}
    scale = _scale(gaps.values())

    def row(variant: Variant, group: str) -> Row:
        def value(quantity: str) -> float | None:
            return _known(variant.mean(of_group(quantity, group)))

        error = of_group("squared_error", group)
        return (
            Cell(text=group),
            Cell(text=str(variant.size(group))),
            Cell(text=number(value("accuracy"), 3)),
            *_interval_cells(gaps[variant.name, group], scale),
            Cell(text=mean_and_spread(_known(variant.mean(error)), _known(variant.deviation(error)), 4)),
            Cell(text=number(value("miscalibration"), 4)),
            Cell(text=f"{number(value('ece'), 3)} ({number(value('ece_null'), 3)})"),
        )

    return Table(
        title="By group",
        columns=("group", "rows", "accuracy", "gap", "95 % interval", "squared error", "PAV", "ECE (null)"),
        numeric=(False, *[True] * 7),
        sections=_sections(variants, lambda variant: [row(variant, group) for group in variant.groups]),
        notes=(
            f"Gap: confidence minus accuracy, above 0 where over-confident. Intervals: {_methods(gaps.values())}.",
            "Squared error: the debiased squared calibration error ± standard deviation over seeds; below 0 by chance. "
            "PAV: the miscalibration of the isotonic fit. ECE (null): in brackets that of a calibrated model with so "
            "many rows; it grows as a group shrinks, so do not compare it between groups.",
        ),
    )


def pair_table(variants: Sequence[Variant], verdicts: Verdicts) -> Table | None:
    """Each pair of groups of each variant, with its verdict; None without any pair."""
    everything = [each for found in verdicts.values() for each in found]
    if not everything:
        return None
    told = {each.pair for each in everything if each.verdict != "open"}
    pairs = {each.pair for each in everything}
    listed = told if len(pairs) > MOST_PAIRS else pairs
    scale = _scale(each.difference for each in everything)

    def row(variant: Variant, each: PairVerdict) -> Row:
        matched = variant.mean(of_pair("matched_ece_difference", *each.pair))
        return (
            Cell(text=str(each.pair)),
            *_interval_cells(each.difference, scale),
            Cell(text=p_value(_known(each.p_holm))),
            Cell(text=number(_known(each.detectable), PLACES)),
            Cell(text=number(_known(matched), PLACES, signed=True)),
            Cell(text=p_value(_same_curve(variant, each))),
            Cell(text=each.verdict, verdict="open" if each.verdict == "open" else "different"),
        )

    notes: list[str] = [*PAIR_NOTES]
    if len(listed) < len(pairs):
        notes.append(f"{len(pairs) - len(listed)} of {len(pairs)} pairs are told apart in no variant, and not listed.")
    return Table(
        title="Between groups",
        columns=("pair", "difference", "95 % interval", "p (Holm)", "detectable", "ECE", "same curve", "verdict"),
        numeric=(False, *[True] * 6, False),
        sections=_sections(
            variants, lambda variant: [row(variant, each) for each in verdicts[variant.name] if each.pair in listed]
        ),
        notes=tuple(notes),
    )


def temperature_table(variants: Sequence[Variant]) -> Table | None:
    """Scores of the whole test part and the gaps between groups, before and after temperature; None without them."""
    measures = ("nll", "brier", "ece", "aurc", "excess_aurc")
    several = any(len(variant.pairs) > 1 for variant in variants)

    def rows(variant: Variant) -> Iterable[Row]:
        for stage in get_args(Stage):
            values = [_known(variant.mean(f"{name}{stage}")) for name in measures]
            between = _spread_of_gaps(variant, stage) if several else _only_difference(variant, stage)
            if any(value is not None for value in (*values, between)):
                cells = (Cell(text=number(value, 4)) for value in values)
                yield (Cell(text=STAGES[stage]), *cells, Cell(text=number(between, PLACES, signed=not several)))

    sections = _sections(variants, rows)
    if not any(len(section.rows) > 1 for section in sections):
        return None
    last = "spread of gaps" if several else "signed difference"
    words = (
        "Spread of gaps: the largest signed gap of a group minus the smallest, which grows with the number of groups "
        "by chance."
    )
    return Table(
        title="Before and after temperature",
        columns=("temperature", "NLL", "Brier", "ECE", "AURC", "excess AURC", last),
        numeric=(False, *[True] * 6),
        sections=sections,
        notes=("Means over seeds; temperatures are fitted on the validation part.", *([words] if several else [])),
    )


def change_table(baseline: Variant, variants: Sequence[Variant]) -> Table | None:
    """What each variant does to the gaps, against the baseline, paired by seed and row; None without others."""
    changes = {variant.name: _changes(baseline, variant) for variant in variants if variant is not baseline}
    everything = [each for by_name in changes.values() for each in by_name.values()]
    if not everything:
        return None
    scale = _scale(everything)

    def row(name: str, each: CrossedMean) -> Row:
        shown = shows(each)
        words = ("higher" if each.estimate > 0 else "lower") if shown else "no change shown"
        return (
            Cell(text=name),
            *_interval_cells(each, scale),
            Cell(text=words, verdict="different" if shown else "open"),
        )

    return Table(
        title=f"Against “{baseline.name}”",
        columns=("", "change", "95 % interval", "verdict"),
        numeric=(False, True, True, False),
        sections=tuple(
            Section(heading=name, rows=tuple(row(*item) for item in by_name.items()))
            for name, by_name in changes.items()
            if by_name
        ),
        notes=(
            f"Paired by seed and test row; intervals of 95 %, each on its own: {_methods(everything)}. A signed value "
            "that is higher may be nearer to 0 or further from it.",
        ),
    )


def alpha_table(series: AlphaSeries) -> Table | None:
    """The differences of each pair along alpha, by three measures; None without a pair or with too many."""
    if not 0 < len(series.pairs) <= MOST_PAIRS:
        return None
    sections = []
    for pair in series.pairs:
        ece = ece_quantity(series.variants, pair)
        rows = []
        for alpha, variant in zip(series.alphas, series.variants, strict=True):
            means = [variant.gap(pair.second), variant.gap(pair.first), variant.gap_difference(pair)]
            names = (of_pair(ece, *pair), of_pair("squared_error_difference", *pair))
            values = [*(each.estimate for each in means), *(variant.mean(name) for name in names)]
            texts = (number(_known(each), 3 + (place == 4), signed=True) for place, each in enumerate(values))
            rows.append((Cell(text=f"{alpha:g}"), *(Cell(text=text) for text in texts)))
        sections.append(Section(heading=str(pair), rows=tuple(rows)))
    return Table(
        title=f"Along alpha, target “{series.target}”",
        columns=("alpha", "gap of the first", "gap of the second", "signed difference", "ECE", "squared error"),
        numeric=(True,) * 6,
        sections=tuple(sections),
        notes=(
            "A pair is named “first vs second”. The last three columns are the first group's value minus the second's: "
            "of the signed gap, of the expected calibration error (at equal size where that was measured) and of the "
            "debiased squared error.",
        ),
    )


def _changes(baseline: Variant, variant: Variant) -> dict[str, CrossedMean]:
    """By what is changed: the gaps of the groups that both variants have, and their differences unless too many."""
    groups = [group for group in baseline.groups if group in variant.groups]
    pairs = [pair for pair in baseline.pairs if pair in variant.pairs]
    listed = pairs if len(pairs) <= MOST_PAIRS else []
    return {
        **{f"gap of {group}": change(baseline, variant, "gap", group) for group in groups},
        **{f"difference {pair}": change_of_difference(baseline, variant, pair) for pair in listed},
    }


def _sections(variants: Sequence[Variant], rows: Callable[[Variant], Iterable[Row]]) -> tuple[Section, ...]:
    """A section for each variant that has rows."""
    sections = (Section(heading=variant.name, rows=tuple(rows(variant))) for variant in variants)
    return tuple(section for section in sections if section.rows)


def _interval_cells(mean: CrossedMean, scale: tuple[float, float]) -> Row:
    """An estimate, and its interval in words and as a strip."""
    estimate = number(_known(mean.estimate), PLACES, signed=True)
    interval = mean.interval
    if not interval.is_defined:
        return Cell(text=estimate), Cell(text=MISSING)
    bounds = f"[{number(interval.low, PLACES, signed=True)}, {number(interval.high, PLACES, signed=True)}]"
    strip = Strip(
        points=(mean.estimate,),
        scale=scale,
        mark=0.0,
        interval=(interval.low, interval.high),
        description=f"{estimate}, interval {bounds}",
    )
    return Cell(text=estimate), Cell(text=bounds, strip=strip)


def _scale(means: Iterable[CrossedMean]) -> tuple[float, float]:
    """The scale that holds 0, all estimates and all bounds."""
    ends = (end for mean in means for end in (mean.estimate, mean.interval.low, mean.interval.high))
    return span([0.0, *(end for end in ends if math.isfinite(end))])


def _methods(means: Iterable[CrossedMean]) -> str:
    """How the intervals were made, which may differ where rows are missing."""
    return ", or ".join(dict.fromkeys(mean.method for mean in means if mean.freedom > 0)) or "none"


def _same_curve(variant: Variant, each: PairVerdict) -> float | None:
    """One p-value for all seeds: twice the median holds its level however the seeds depend on each other."""
    found = list(variant.values(of_pair("same_curve_p", *each.pair)).values())
    if len(found) < 2:
        return found[0] if found else None
    return min(2 * statistics.median(found), 1.0)


def _spread_of_gaps(variant: Variant, stage: Stage) -> float | None:
    gaps = (variant.mean(of_group("gap", group, stage)) for group in variant.groups)
    known = [gap for gap in gaps if math.isfinite(gap)]
    return max(known) - min(known) if len(known) > 1 else None


def _only_difference(variant: Variant, stage: Stage) -> float | None:
    return _known(variant.gap_difference(variant.pairs[0], stage).estimate) if variant.pairs else None


def _known(value: float) -> float | None:
    """The value, or None where a table is to show a dash."""
    return value if math.isfinite(value) else None
