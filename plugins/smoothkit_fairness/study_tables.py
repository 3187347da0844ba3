"""The tables of a study: each variant's groups and pairs of groups, and the pairs along alpha."""

import statistics
from collections.abc import Mapping, Sequence

from smoothkit.report.numbers import MISSING, known, p_value
from smoothkit.report.table import Cell, Row, Section, Table
from smoothkit.statistics import LEVEL
from smoothkit_fairness.cells import interval_cells, methods, scale_of, sections
from smoothkit_fairness.intervals import PLACES, apart, fixed
from smoothkit_fairness.names import of_group, of_pair
from smoothkit_fairness.readings import Pair, Variant
from smoothkit_fairness.series import AlphaSeries, ece_quantity
from smoothkit_fairness.verdicts import PairVerdict

MOST_PAIRS = 10
"""Pairs that are all listed; of more, those with a verdict and those with the largest group."""

PAIR_NOTES = (
    "Difference: the signed gap of the group named first minus that of the other; the interval is of this pair alone, "
    "p (Holm) is corrected for the pairs of a variant. Detectable: the smallest difference that 80 % of such studies "
    "find, at 5 % divided by the number of pairs. A verdict takes p ≤ 0.05 and a difference not below it.",
    "ECE: the difference at equal group size. Same curve: the p-value that both groups have one calibration curve, of "
    "several seeds twice the median; those of the runs are corrected for the pairs (Holm).",
)

Verdicts = Mapping[str, Sequence[PairVerdict]]
"""By variant."""


def group_table(variants: Sequence[Variant]) -> Table:
    """Each group of each variant: accuracy, signed gap with its interval, and calibration errors."""
    gaps = {(variant.name, group): variant.gap(group) for variant in variants for group in variant.groups}
    scale = scale_of(gaps.values())

    def row(variant: Variant, group: str) -> Row:
        def value(quantity: str) -> float | None:
            return known(variant.mean_of_all(of_group(quantity, group)))

        error = fixed(value("squared_error"), 4)
        spread = known(variant.deviation(of_group("squared_error", group)))
        return (
            Cell(text=group),
            Cell(text=str(variant.size(group))),
            Cell(text=fixed(value("accuracy"))),
            *interval_cells(gaps[variant.name, group], scale),
            Cell(text=error if spread is None or error == MISSING else f"{error} ± {fixed(spread, 4)}"),
            Cell(text=fixed(value("miscalibration"), 4)),
            Cell(text=f"{fixed(value('ece'))} ({fixed(value('ece_null'))})"),
        )

    return Table(
        title="By group",
        columns=("group", "rows", "accuracy", "gap", "95 % interval", "squared error", "PAV", "ECE (null)"),
        numeric=(False, *[True] * 7),
        sections=sections(variants, lambda variant: [row(variant, group) for group in variant.groups]),
        notes=(
            f"Gap: confidence minus accuracy, above 0 where over-confident. Intervals: {methods(gaps.values())}.",
            "Squared error: the debiased squared calibration error ± standard deviation over seeds; below 0 by chance. "
            "PAV: the miscalibration of the isotonic fit. ECE (null): in brackets that of a calibrated model with so "
            "many rows; it grows as a group shrinks, so do not compare it between groups.",
            "A dash: not every seed has it.",
        ),
    )


def pair_table(variants: Sequence[Variant], verdicts: Verdicts) -> Table | None:
    """Each pair of groups of each variant, with its verdict; None without any pair."""
    everything = [each for found in verdicts.values() for each in found]
    if not everything:
        return None
    told = {each.pair for each in everything if each.verdict != "open"}
    pairs = {each.pair for each in everything}
    listed = _listed(pairs, told, variants[0].groups)
    scale = scale_of(each.difference for each in everything)

    def row(variant: Variant, each: PairVerdict) -> Row:
        matched = variant.mean_of_all(of_pair("matched_ece_difference", *each.pair))
        return (
            Cell(text=str(each.pair)),
            *interval_cells(each.difference, scale),
            Cell(text=p_value(known(each.p_holm))),
            Cell(text=fixed(known(each.detectable), _detectable_places(each))),
            Cell(text=fixed(known(matched), signed=True)),
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
        sections=sections(
            variants, lambda variant: [row(variant, each) for each in verdicts[variant.name] if each.pair in listed]
        ),
        notes=tuple(notes),
    )


def alpha_table(series: AlphaSeries) -> Table | None:
    """The differences of each pair along alpha, by three measures; None without a pair or with too many."""
    if not 0 < len(series.pairs) <= MOST_PAIRS:
        return None
    # With one pair the columns are its groups'; a section is named by its pair.
    ends = [f"gap of {group}" for group in reversed(series.pairs[0])]
    ends = ends if len(series.pairs) == 1 else ["gap, named first", "gap, named second"]
    return Table(
        title=f"Along alpha, target “{series.target}”",
        columns=("alpha", *ends, "signed difference", "ECE", "squared error"),
        numeric=(True,) * 6,
        sections=tuple(Section(heading=str(pair), rows=tuple(_along(series, pair))) for pair in series.pairs),
        notes=(
            "The last three columns are the value of the group named first minus the other's: of the signed gap, of "
            "the expected calibration error (at equal size where that was measured) and of the debiased squared error.",
        ),
    )


def _along(series: AlphaSeries, pair: Pair) -> list[Row]:
    ece = ece_quantity(series.variants, pair)
    rows: list[Row] = []
    for alpha, variant in zip(series.alphas, series.variants, strict=True):
        gaps = [variant.gap(pair.second), variant.gap(pair.first), variant.gap_difference(pair)]
        errors = [variant.mean_of_all(of_pair(name, *pair)) for name in (ece, "squared_error_difference")]
        texts = [fixed(known(each.estimate), signed=True) for each in gaps]
        texts += [fixed(known(value), PLACES + place, signed=True) for place, value in enumerate(errors)]
        rows.append((Cell(text=f"{alpha:g}"), *(Cell(text=text) for text in texts)))
    return rows


def _listed(pairs: set[Pair], told: set[Pair], groups: Sequence[str]) -> set[Pair]:
    """All pairs if they are few; else those told apart, and those with the largest group, which say what could show."""
    if len(pairs) <= MOST_PAIRS:
        return pairs
    with_largest = {pair for pair in pairs if groups[0] in pair}
    return told | with_largest if len(with_largest) <= 3 * MOST_PAIRS else told


def _detectable_places(each: PairVerdict) -> int:
    """As many decimals as show on which side of what is detectable a difference lies that is told from 0."""
    if not each.p_holm <= LEVEL:
        return PLACES
    return apart(abs(each.difference.estimate), each.detectable)


def _same_curve(variant: Variant, each: PairVerdict) -> float | None:
    """One p-value for all seeds: twice the median holds its level however the seeds depend on each other."""
    found = list(variant.values(of_pair("same_curve_p", *each.pair)).values())
    if len(found) < 2:
        return found[0] if found else None
    return min(2 * statistics.median(found), 1.0)
