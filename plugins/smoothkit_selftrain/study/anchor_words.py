"""Whether variants pass the bar that simple methods set, in words."""

import math
from collections.abc import Mapping, Sequence

from smoothkit.report.numbers import count, listed, number, quoted
from smoothkit_selftrain.quantities import ACCURACY, ANCHORS
from smoothkit_selftrain.study.comparison import Change, Pairs, Seeds, judged_together, read_change, value_of
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
    pairs = {variant: _above(seeds, name) for variant, seeds in group.results.items()}
    entries = judged_together(ACCURACY, pairs)
    found = {
        variant: change
        for variant, entry in entries.items()
        if (change := read_change(ACCURACY, entry, pairs[variant])) is not None
    }
    if not found:
        return []
    parts = {"above it": "better", "below it": "worse", "no difference shown, corrected for all variants": "open"}
    kinds = {words: {own: each for own, each in found.items() if each.verdict == kind} for words, kind in parts.items()}
    told = [f"{words}: {_told(changes, list(found))}" for words, changes in kinds.items() if changes]
    return [
        f"{group.title}: the best of scikit-learn's methods on test samples is {ANCHORS[name]}, "
        f"{number(100 * accuracy, 1)} % right. In test accuracy {'; '.join(told)}."
    ]


def _above(seeds: Seeds, anchor: str) -> Pairs:
    """By seed, how far a variant's test accuracy is above that of a method."""
    found = {seed: value_of(result, ACCURACY) - value_of(result, of_anchor(anchor)) for seed, result in seeds.items()}
    return {seed: difference for seed, difference in found.items() if math.isfinite(difference)}


def _told(changes: Mapping[str, Change], everyone: Sequence[str]) -> str:
    if len(everyone) > MOST_NAMED:
        return f"{len(changes)} of {count(len(everyone), 'variant')}"
    names = dict(zip(everyone, quoted(everyone), strict=True))
    return listed([f"{names[variant]} ({difference_text(change)})" for variant, change in changes.items()])
