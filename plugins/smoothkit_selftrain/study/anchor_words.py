"""Whether variants pass the bar that simple methods set, in words."""

import math
from collections.abc import Iterable, Sequence

from smoothkit.report.numbers import count, listed, number
from smoothkit.scenario import Result
from smoothkit_selftrain.quantities import ACCURACY, ANCHORS
from smoothkit_selftrain.study.comparison import Change, change_of, corrected
from smoothkit_selftrain.study.groups import Group, anchor_mean, of_anchor
from smoothkit_selftrain.study.words import difference_text

MOST_NAMED = 8
"""Variants that are told one by one; of more, their numbers."""


def best_anchor(group: Group) -> tuple[str, float] | None:
    """The method that has most test samples right, over all results, and its mean; None without any."""
    means = {name: anchor_mean(group, of_anchor(name)) for name in group.anchors}
    return max(means.items(), key=lambda found: found[1]) if means else None


def anchor_words(group: Group) -> list[str]:
    """Which variants are above the best of the simple methods, which below, and of which neither is shown.

    Paired by seed, corrected for all variants of the group by Holm's method.
    """
    best = best_anchor(group)
    if best is None:
        return []
    name, accuracy = best
    found = corrected(
        [
            change
            for variant, seeds in group.results.items()
            if (change := change_of(variant, ACCURACY, _above(seeds.values(), name))) is not None
        ]
    )
    if not found:
        return []
    above, below = ([each for each in found if each.is_shown and sign * each.interval.estimate > 0] for sign in (1, -1))
    open_ones = [each for each in found if not each.is_shown]
    parts = [("above it", above), ("below it", below), ("no difference shown, corrected for all variants", open_ones)]
    told = [f"{words}: {_told(changes, len(found))}" for words, changes in parts if changes]
    return [
        f"{group.title}: the best of scikit-learn's methods on test samples is {ANCHORS[name]}, "
        f"{number(100 * accuracy, 1)} % right. In test accuracy {'; '.join(told)}."
    ]


def _above(results: Iterable[Result], name: str) -> list[float]:
    anchor = of_anchor(name)
    pairs = (
        (result.scalars.get(ACCURACY.name, math.nan), result.scalars.get(anchor.name, math.nan)) for result in results
    )
    return [own - other for own, other in pairs if math.isfinite(own - other)]


def _told(changes: Sequence[Change], everyone: int) -> str:
    if everyone > MOST_NAMED:
        return f"{len(changes)} of {count(everyone, 'variant')}"
    return listed([f"{each.name} ({difference_text(each)})" for each in changes])
