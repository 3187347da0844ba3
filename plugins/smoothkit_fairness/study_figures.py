"""The pictures of a study: signed gaps of all groups, and what happens to them along alpha."""

import math
from collections.abc import Mapping, Sequence

from smoothkit.report.figures import CurvesFigure, Figure, IntervalsFigure
from smoothkit.statistics import CrossedMean
from smoothkit_fairness.names import of_pair
from smoothkit_fairness.readings import Pair, Variant
from smoothkit_fairness.series import AlphaSeries, crossings, ece_quantity

MOST_CURVES = 6
"""Groups, or pairs, that one picture can tell apart."""


def study_figures(
    variants: Sequence[Variant], series: Sequence[AlphaSeries], told: Sequence[Pair]
) -> dict[str, Figure]:
    """All of them, by name; of many pairs only those that are told apart in some variant."""
    figures: dict[str, Figure] = {"signed_gaps": gaps_figure(variants)}
    for place, each in enumerate(series):
        ending = f"_{place + 1}" if len(series) > 1 else ""
        pairs = [pair for pair in each.pairs if pair in told] if len(each.pairs) > MOST_CURVES else each.pairs
        figures[f"gap_against_alpha{ending}"] = gap_against_alpha(each)
        if pairs:
            figures[f"difference_against_alpha{ending}"] = difference_against_alpha(each, pairs[:MOST_CURVES])
    return figures


def gaps_figure(variants: Sequence[Variant]) -> IntervalsFigure:
    """A forest of the signed gaps: variant by variant, the largest group first."""
    lines = [
        (f"{variant.name}: {group}", variant.gap(group), variant.size(group))
        for variant in variants
        for group in sorted(variant.groups, key=variant.size, reverse=True)
    ]
    return IntervalsFigure(
        title="Signed gap by variant and group",
        names=tuple(name for name, _, _ in lines),
        estimates=tuple(_known(mean.estimate) for _, mean, _ in lines),
        low=tuple(_known(mean.interval.low) for _, mean, _ in lines),
        high=tuple(_known(mean.interval.high) for _, mean, _ in lines),
        counts=tuple(size for _, _, size in lines),
        x_label="confidence minus accuracy",
    )


def gap_against_alpha(series: AlphaSeries) -> CurvesFigure:
    """The signed gap of each group, and where it changes sign; of many groups the largest."""
    largest = sorted(series.groups, key=series.variants[0].size, reverse=True)[:MOST_CURVES]
    curves = {group: [variant.gap(group) for variant in series.variants] for group in series.groups if group in largest}
    return _curves(series, "Signed gap against alpha", "confidence minus accuracy", curves)


def difference_against_alpha(series: AlphaSeries, pairs: Sequence[Pair]) -> CurvesFigure:
    """For each pair the difference of the signed gaps and that of the calibration errors, which need not agree."""
    curves: dict[str, list[CrossedMean]] = {}
    for pair in pairs:
        ece = of_pair(ece_quantity(series.variants, pair), *pair)
        curves[f"{pair}: signed gap"] = [variant.gap_difference(pair) for variant in series.variants]
        curves[f"{pair}: ECE"] = [variant.over_seeds(ece) for variant in series.variants]
    return _curves(series, "Difference and ECE difference against alpha", "difference between groups", curves)


def _curves(series: AlphaSeries, title: str, y_label: str, curves: Mapping[str, Sequence[CrossedMean]]) -> CurvesFigure:
    """Curves over alpha with their 95 % bands, and a line where one is shown to change sign."""
    marks = {
        f"{name} changes sign at {crossing.at:.2g}": crossing.at
        for name, means in curves.items()
        for crossing in crossings(series.alphas, means)
    }
    return CurvesFigure(
        title=title,
        x_label="alpha",
        y_label=y_label,
        x={name: series.alphas for name in curves},
        y={name: tuple(_known(mean.estimate) for mean in means) for name, means in curves.items()},
        low={name: tuple(_known(mean.interval.low) for mean in means) for name, means in curves.items()},
        high={name: tuple(_known(mean.interval.high) for mean in means) for name, means in curves.items()},
        marks=marks,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
