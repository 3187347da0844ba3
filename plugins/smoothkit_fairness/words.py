"""The sentences on the groups of one variant, and on what a study rests on: each says what its intervals carry."""

import math
from collections.abc import Iterable, Sequence

from smoothkit.statistics import LEVEL, CrossedMean
from smoothkit_fairness.intervals import apart, fixed, interval_text, places_of, with_interval
from smoothkit_fairness.readings import Variant
from smoothkit_fairness.series import CONVENTIONS, AlphaSeries
from smoothkit_fairness.verdicts import PairVerdict

MOST_SPOKEN = 2
"""Pairs, or groups, that have sentences of their own; the others are counted."""


def verdict_sentences(variant: Variant, verdicts: Sequence[PairVerdict]) -> list[str]:
    """What is told of the groups of one variant: the largest differences, then what stays open."""
    told = sorted(
        (each for each in verdicts if each.verdict != "open"), key=lambda each: -abs(each.difference.estimate)
    )
    left = [each for each in verdicts if each.verdict == "open"]
    words = [_told(variant, each) for each in told[:MOST_SPOKEN]]
    if len(verdicts) <= MOST_SPOKEN:
        return [*words, *(_open(variant, each) for each in left)]
    parts = [f"{len(told) - len(words)} more pairs differ"] if len(told) > len(words) else []
    parts += [f"{len(left)} of {len(verdicts)} pairs cannot be told apart"] if left else []
    return [*words, *([f"“{variant.name}”: {'; '.join(parts)}."] if parts else []), *_small_groups(variant, verdicts)]


def caveats(variants: Sequence[Variant], series: Iterable[AlphaSeries], means: Sequence[CrossedMean]) -> list[str]:
    """What all the sentences rest on: the number of seeds, the rows, and the meaning of alpha."""
    words = []
    if all(len(each.results) == 1 for each in variants):
        words.append(
            "One seed: intervals are over test rows only and speak of these trained models, not of the method."
        )
    elif any(mean.method == "t over seeds" and mean.freedom > 0 for mean in means):
        words.append("Where rows are missing, intervals are over seeds only and speak of these test rows.")
    conventions = dict.fromkeys(each.convention for each in series if each.convention in CONVENTIONS)
    return [*words, *(f"Here {CONVENTIONS[each]}." for each in conventions if each is not None)]


def _told(variant: Variant, each: PairVerdict) -> str:
    first, second = each.pair
    side = "above" if each.verdict == "higher" else "below"
    size, interval = fixed(abs(each.difference.estimate), places_of(each.difference)), interval_text(each.difference)
    return (
        f"“{variant.name}”: the signed gap (confidence minus accuracy) of {second} lies {size} {side} that of {first} "
        f"{interval}."
    )


def _open(variant: Variant, each: PairVerdict) -> str:
    subject = f"“{variant.name}”, {each.pair}"
    estimate = each.difference.estimate
    if not math.isfinite(estimate):
        return f"{subject}: {each.reason}."
    shown = with_interval(each.difference)
    if each.p_holm <= LEVEL:
        # As many decimals as show on which side of what is detectable it lies.
        places = apart(abs(estimate), each.detectable)
        shown = f"{fixed(estimate, places, signed=True)} {interval_text(each.difference)}"
    return f"{subject}: signed difference {shown}; {each.reason}."


def _small_groups(variant: Variant, verdicts: Sequence[PairVerdict]) -> list[str]:
    """The smallest group that is told apart from no other, with what would have shown."""
    told = {group for each in verdicts if each.verdict != "open" for group in each.pair}
    left = [group for group in variant.groups if group not in told]
    if not left:
        return []
    smallest = min(left, key=variant.size)
    limits = [each.detectable for each in verdicts if smallest in each.pair and math.isfinite(each.detectable)]
    reason = ""
    if limits:
        # Signed gaps lie between -1 and 1, and groups whose gaps differ by 1 are of no interest.
        reason = f": differences below {fixed(min(limits))} do not show" if min(limits) < 1 else ": no difference could"
    return [f"Group {smallest} (n = {variant.size(smallest)} test rows): cannot be told{reason}."]
