"""The pictures of a study: signed gaps of all groups, and what happens to them along alpha."""

from collections.abc import Mapping, Sequence

from smoothkit.report.figures import CurvesFigure, Figure, IntervalsFigure
from smoothkit.report.numbers import known
from smoothkit.statistics import CrossedMean
from smoothkit_fairness.readings import Pair, Variant
from smoothkit_fairness.series import (
    MATCHED,
    AlphaSeries,
    Crossing,
    difference_crossings,
    ece_quantity,
    error_crossings,
    gap_crossings,
)

MOST_CURVES = 6
"""Groups, or pairs, that one picture can tell apart."""

MOST_LINES = 12
"""Lines that one forest can hold."""


def study_figures(
    variants: Sequence[Variant], series: Sequence[AlphaSeries], told: Sequence[Pair]
) -> dict[str, Figure]:
    """All of them, by name; of many pairs only those that are told apart in some variant."""
    figures = gaps_figures(variants)
    for place, each in enumerate(series):
        ending = f"_{place + 1}" if len(series) > 1 else ""
        pairs = [pair for pair in each.pairs if pair in told] if len(each.pairs) > MOST_CURVES else each.pairs
        figures[f"gap_against_alpha{ending}"] = gap_against_alpha(each)
        if pairs:
            figures[f"difference_against_alpha{ending}"] = difference_against_alpha(each, pairs[:MOST_CURVES])
    return figures


def gaps_figures(variants: Sequence[Variant]) -> dict[str, Figure]:
    """A forest of the signed gaps, variant by variant; a forest for each variant where one would be too long."""
    if sum(len(variant.groups) for variant in variants) <= MOST_LINES:
        return {"signed_gaps": _forest("Signed gap by variant and group", variants)}
    return {
        f"signed_gaps_{place + 1}": _forest(f"Signed gap by group: {variant.name}", [variant])
        for place, variant in enumerate(variants)
    }


def _forest(title: str, variants: Sequence[Variant]) -> IntervalsFigure:
    """The signed gaps of each variant, the largest group first, which a line names before the variant."""
    lines = [
        (f"{group}, {variant.name}" if len(variants) > 1 else group, variant.gap(group), variant.size(group))
        for variant in variants
        for group in sorted(variant.groups, key=variant.size, reverse=True)
    ]
    return IntervalsFigure(
        title=title,
        names=tuple(name for name, _, _ in lines),
        estimates=tuple(known(mean.estimate) for _, mean, _ in lines),
        low=tuple(known(mean.interval.low) for _, mean, _ in lines),
        high=tuple(known(mean.interval.high) for _, mean, _ in lines),
        counts=tuple(size for _, _, size in lines),
        x_label="confidence minus accuracy",
    )


def gap_against_alpha(series: AlphaSeries) -> CurvesFigure:
    """The signed gap of each group, and where it changes sign; of many groups the largest."""
    largest = sorted(series.groups, key=series.variants[0].size, reverse=True)[:MOST_CURVES]
    curves = {group: [variant.gap(group) for variant in series.variants] for group in series.groups if group in largest}
    turns = {group: found for group, found in gap_crossings(series).items() if group in largest}
    return _curves(series, "Signed gap against alpha", "confidence minus accuracy", curves, turns)


def difference_against_alpha(series: AlphaSeries, pairs: Sequence[Pair]) -> CurvesFigure:
    """For each pair the difference of the signed gaps and that of the calibration errors, which need not agree."""
    curves: dict[str, list[CrossedMean]] = {}
    turns: dict[str, list[Crossing]] = {}
    signed, errors = difference_crossings(series, pairs), error_crossings(series, pairs)
    for pair in pairs:
        quantity = ece_quantity(series.variants, pair)
        names = (f"{pair}: signed gap", f"{pair}: ECE at equal size" if quantity == MATCHED else f"{pair}: ECE")
        curves[names[0]] = [variant.gap_difference(pair) for variant in series.variants]
        curves[names[1]] = [variant.error_difference(pair, quantity) for variant in series.variants]
        turns |= {names[0]: signed[pair], f"{pair}: debiased squared error": errors[pair]}
    title, y_label = "Difference and ECE difference against alpha", "difference between groups"
    return _curves(series, title, y_label, curves, turns)


def _curves(
    series: AlphaSeries,
    title: str,
    y_label: str,
    curves: Mapping[str, Sequence[CrossedMean]],
    turns: Mapping[str, Sequence[Crossing]],
) -> CurvesFigure:
    """Curves over alpha with their 95 % bands, and a line where one is shown to change sign."""
    marks = {
        f"{name} changes sign at {crossing.at:.2g}": crossing.at for name, found in turns.items() for crossing in found
    }
    return CurvesFigure(
        title=title,
        x_label="alpha",
        y_label=y_label,
        x={name: series.alphas for name in curves},
        y={name: tuple(known(mean.estimate) for mean in means) for name, means in curves.items()},
        low={name: tuple(known(mean.interval.low) for mean in means) for name, means in curves.items()},
        high={name: tuple(known(mean.interval.high) for mean in means) for name, means in curves.items()},
        marks=marks,
    )
