"""The sentences of a study: each says what its intervals carry, and no more."""

import math
from collections.abc import Iterable, Sequence

from smoothkit.report.numbers import number
from smoothkit.statistics import LEVEL, CrossedMean
from smoothkit_fairness.names import of_pair
from smoothkit_fairness.readings import Pair, Variant, change, change_of_difference, change_of_scalar, shows
from smoothkit_fairness.series import CONVENTIONS, AlphaSeries, Crossing, crossings, ece_quantity
from smoothkit_fairness.verdicts import PLACES, PairVerdict

MOST_SPOKEN = 2
"""Pairs, or groups, that have sentences of their own; the others are counted."""

ECE_NAMES = {"ece_difference": "ECE gap", "matched_ece_difference": "ECE gap at equal size"}


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
    return [*words, *([f"{variant.name}: {'; '.join(parts)}."] if parts else []), *_small_groups(variant, verdicts)]


def ece_sentences(series: AlphaSeries, pair: Pair) -> list[str]:
    """What happens to the ECE gap from the least alpha to the one where it is smallest, and what to the signed one.

    The smallest is the one with the sign it began with: beyond, the other group has the larger error. Another sentence
    is about the largest alpha, where the signed difference changed.
    """
    quantity = ece_quantity(series.variants, pair)
    name = of_pair(quantity, *pair)
    start, *others = series.variants
    before = start.mean(name)
    measured = [each for each in others if math.isfinite(each.mean(name))]
    if not measured or not math.isfinite(before):
        return []
    kept = [each for each in measured if each.mean(name) * before >= 0]
    end = min(kept or measured, key=lambda each: abs(each.mean(name)))
    after, moved = end.mean(name), change_of_scalar(start, end, name)
    subject, verb = f"{ECE_NAMES[quantity]} ({pair})", _verb(before, after)
    ends = f"{number(before, PLACES)} at {series.label(start)} to {number(after, PLACES)} at {series.label(end)}"
    if not shows(moved):
        words = f"{subject}: no change shown, {ends}, {_change(moved)}."
    elif moved.p_value * len(measured) > LEVEL:
        # The best of several values of alpha is better by chance.
        words = f"{subject}: no change shown after correction for {len(measured)} values of alpha, {ends}."
    else:
        words = f"{subject} {verb} from {ends}; {_signed_part(start, end, pair, verb)}."
    last = series.variants[-1]
    says_more = last is not end and shows(change_of_difference(start, last, pair))
    more = variant_sentence(start, last, pair) if says_more else None
    return [words, more] if more else [words]


def crossing_sentences(series: AlphaSeries, pairs: Sequence[Pair]) -> list[str]:
    """Where the group with the larger calibration error changes, and where a group's signed gap changes sign."""
    words = []
    for pair in pairs:
        quantity = ece_quantity(series.variants, pair)
        means = [each.over_seeds(of_pair(quantity, *pair)) for each in series.variants]
        size = " at equal size" if quantity.startswith("matched") else ""
        words += [
            f"Beyond {crossing} {pair.second} has a {'larger' if crossing.rising else 'smaller'} ECE{size} than "
            f"{pair.first}."
            for crossing in crossings(series.alphas, means)
        ]
    found = [
        (group, crossing)
        for group in series.groups
        for crossing in crossings(series.alphas, [each.gap(group) for each in series.variants])
    ]
    if len(found) > MOST_SPOKEN:
        listed = ", ".join(f"{group} {crossing.at:.2g}" for group, crossing in found[:6])
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        return [*words, f"Signed gaps change sign between two values of alpha, here interpolated: {listed}{more}."]
    return [*words, *(_turn(group, crossing) for group, crossing in found)]


def confidence_sentence(series: AlphaSeries) -> str | None:
    """What the largest alpha did to the mean confidence of each group; None where no group's moved."""
    start, end = series.variants[0], series.variants[-1]
    moves = {group: change(start, end, "confidence", group) for group in series.groups}
    shown = {group: move for group, move in moves.items() if shows(move)}
    if not shown:
        return None
    largest = sorted(shown, key=lambda group: -abs(shown[group].estimate))
    chosen = largest if len(largest) <= 3 else [largest[0], largest[-1]]
    parts = " and ".join(
        f"of {group} by {number(shown[group].estimate, PLACES, signed=True)}{_interval(shown[group])}"
        for group in chosen
    )
    rest = "" if len(chosen) == len(shown) else f" (the most and the least of {len(shown)} groups)"
    return f"From {series.label(start)} to {series.label(end)} the mean confidence moved, {parts}{rest}."


def variant_sentence(baseline: Variant, variant: Variant, pair: Pair) -> str | None:
    """What one variant did to a pair's difference of signed gaps, against the baseline."""
    part = _signed_values(baseline, variant, pair)
    if part is None:
        return None
    moved, values = part
    name = of_pair(ece_quantity((baseline, variant), pair), *pair)
    ece = ""
    if math.isfinite(baseline.mean(name)) and math.isfinite(variant.mean(name)):
        ece = (
            f"; {ECE_NAMES[ece_quantity((baseline, variant), pair)]} {number(baseline.mean(name), PLACES)} to "
            f"{number(variant.mean(name), PLACES)}, {_change(change_of_scalar(baseline, variant, name))}"
        )
    verb = _verb(baseline.gap_difference(pair).estimate, variant.gap_difference(pair).estimate)
    said = f"the signed difference {verb}" if shows(moved) else "no change of the signed difference shown"
    return f"{variant.name} against {baseline.name}, {pair}: {said}, {values}{ece}."


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
    size = number(abs(each.difference.estimate), PLACES)
    return (
        f"{variant.name}: the signed gap (confidence minus accuracy) of {second} lies {size} {side} that of {first}"
        f"{_interval(each.difference)}."
    )


def _open(variant: Variant, each: PairVerdict) -> str:
    if not math.isfinite(each.difference.estimate):
        return f"{variant.name}, {each.pair}: {each.reason}."
    estimate = number(each.difference.estimate, PLACES, signed=True)
    return f"{variant.name}, {each.pair}: signed difference {estimate}{_interval(each.difference)}; {each.reason}."


def _small_groups(variant: Variant, verdicts: Sequence[PairVerdict]) -> list[str]:
    """The smallest group that is told apart from no other, with what would have shown."""
    told = {group for each in verdicts if each.verdict != "open" for group in each.pair}
    left = [group for group in variant.groups if group not in told]
    if not left:
        return []
    smallest = min(left, key=variant.size)
    limits = [each.detectable for each in verdicts if smallest in each.pair and math.isfinite(each.detectable)]
    reason = f": differences below {number(min(limits), PLACES)} do not show" if limits else ""
    return [f"Group {smallest} (n = {variant.size(smallest)}): cannot be told{reason}."]


def _signed_part(start: Variant, end: Variant, pair: Pair, verb: str) -> str:
    """Whether the difference of signed gaps did as the ECE gap did."""
    part = _signed_values(start, end, pair)
    if part is None:
        return "the signed difference was not measured"
    moved, values = part
    if not shows(moved):
        return f"the signed difference shows no change: {values}"
    own = _verb(start.gap_difference(pair).estimate, end.gap_difference(pair).estimate)
    return f"the signed difference {'did too' if own == verb else own}: {values}"


def _signed_values(start: Variant, end: Variant, pair: Pair) -> tuple[CrossedMean, str] | None:
    """The change of a signed difference, and the numbers it is from."""
    before, after = (each.gap_difference(pair).estimate for each in (start, end))
    moved = change_of_difference(start, end, pair)
    if not all(math.isfinite(value) for value in (before, after, moved.estimate)):
        return None
    ends = f"{number(before, PLACES, signed=True)} to {number(after, PLACES, signed=True)}"
    return moved, f"{ends}, {_change(moved)}"


def _turn(group: str, crossing: Crossing) -> str:
    sides = "under- to over-confident" if crossing.rising else "over- to under-confident"
    return f"{group} turns from {sides} at {crossing}."


def _verb(before: float, after: float) -> str:
    """What a signed value did: below 0, falling and rising would say the opposite of what they seem to."""
    if before * after < 0:
        return "changed sign"
    nearer = abs(after) < abs(before)
    if before < 0 or after < 0:
        return "came nearer to 0" if nearer else "moved away from 0"
    return "fell" if nearer else "rose"


def _change(moved: CrossedMean) -> str:
    """A change with its interval, and of what kind that is unless it holds for other rows too."""
    if not math.isfinite(moved.estimate):
        return "without a seed in common"
    over = " over seeds" if moved.method == "t over seeds" and moved.freedom > 0 else ""
    return f"change {number(moved.estimate, PLACES, signed=True)}{_interval(moved)}{over}"


def _interval(mean: CrossedMean) -> str:
    """The 95 % interval in brackets, after a space; nothing where there are no bounds."""
    interval = mean.interval
    if not interval.is_defined:
        return ""
    low, high = (number(bound, PLACES, signed=True) for bound in (interval.low, interval.high))
    return f" [{low}, {high}]"
