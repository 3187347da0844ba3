"""The sentences on what variants do to the gaps between groups.

Every change that a sentence tells is shown at the study's `limit`, which is corrected for all changes that could have
been told, and for other seeds and other test rows wherever rows are stored.
"""

import math
from collections.abc import Sequence

from smoothkit_fairness.changes import Change, change_of_difference, change_of_error, change_of_group
from smoothkit_fairness.intervals import fixed, with_interval
from smoothkit_fairness.names import Stage
from smoothkit_fairness.readings import Pair, Variant, shows
from smoothkit_fairness.series import AlphaSeries, ece_quantity, error_crossings, gap_crossings, tempered
from smoothkit_fairness.words import MOST_SPOKEN

ECE_NAMES = {"ece_difference": "ECE gap", "matched_ece_difference": "ECE gap at equal size"}

MOST_LISTED = 6
"""Groups of which one sentence says where their signed gaps change sign."""


def ece_sentences(series: AlphaSeries, pair: Pair, limit: float) -> list[str]:
    """What happens to the ECE gap from the least alpha to the one where it is smallest, and what to the signed one.

    The smallest is the one with the sign it began with: beyond, the other group has the larger error. Another sentence
    is about the largest alpha, where the signed difference changed.
    """
    quantity = ece_quantity(series.variants, pair)
    start, *others = series.variants
    changes = {each.name: change_of_error(start, each, pair, quantity) for each in others}
    measured = [each for each in others if changes[each.name].is_known]
    if not measured:
        return []
    kept = [each for each in measured if _keeps_sign(changes[each.name])]
    end = min(kept or measured, key=lambda each: abs(changes[each.name].after.estimate))
    change = changes[end.name]
    subject, verb = f"{ECE_NAMES[quantity]} ({pair})", change.verb(limit)
    before, after = (fixed(each.estimate) for each in (change.before, change.after))
    ends = f"{before} at {series.label(start)} to {after} at {series.label(end)}, {_moved(change)}"
    if verb is None:
        words = f"{subject}: {_nothing(change)}, {ends}."
    else:
        words = f"{subject} {verb} from {ends}; {_signed_part(start, end, pair, verb, limit)}."
    last = series.variants[-1]
    says_more = last is not end and change_of_difference(start, last, pair).verb(limit)
    more = variant_sentence(start, last, pair, limit) if says_more else None
    return [words, more] if more else [words]


def crossing_sentences(series: AlphaSeries, pairs: Sequence[Pair]) -> list[str]:
    """Where the group with the larger calibration error changes, and where a group's signed gap changes sign."""
    words = [
        f"Beyond {crossing} {pair.second} has a {'larger' if crossing.rising else 'smaller'} debiased calibration "
        f"error than {pair.first}."
        for pair, found in error_crossings(series, pairs).items()
        for crossing in found
    ]
    found = [(group, crossing) for group, places in gap_crossings(series).items() for crossing in places]
    if len(found) > MOST_SPOKEN:
        listed = ", ".join(f"{group} {crossing.at:.2g}" for group, crossing in found[:MOST_LISTED])
        more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        return [*words, f"Signed gaps change sign between two values of alpha, here interpolated: {listed}{more}."]
    sides = {True: "under- to over-confident", False: "over- to under-confident"}
    return [*words, *(f"{group} turns from {sides[crossing.rising]} at {crossing}." for group, crossing in found)]


def confidence_sentence(series: AlphaSeries, limit: float) -> str | None:
    """What the largest alpha did to the mean confidence of each group; None where no group's moved."""
    start, end = series.variants[0], series.variants[-1]
    moves = {group: change_of_group(start, end, "confidence", group).moved for group in series.groups}
    shown = {group: move for group, move in moves.items() if shows(move, limit)}
    if not shown:
        return None
    largest = sorted(shown, key=lambda group: -abs(shown[group].estimate))
    chosen = largest if len(largest) <= 3 else [largest[0], largest[-1]]
    parts = " and ".join(f"of {group} by {with_interval(shown[group])}" for group in chosen)
    rest = "" if len(chosen) == len(shown) else f" (the most and the least of {len(shown)} groups)"
    return f"From {series.label(start)} to {series.label(end)} the mean confidence moved, {parts}{rest}."


def variant_sentence(baseline: Variant, variant: Variant, pair: Pair, limit: float) -> str | None:
    """What one variant did to a pair's difference of signed gaps, against another one."""
    change = change_of_difference(baseline, variant, pair)
    if not change.is_known:
        return None
    quantity = ece_quantity((baseline, variant), pair)
    error = change_of_error(baseline, variant, pair, quantity)
    ece = f"; {ECE_NAMES[quantity]} {_numbers(error, signed=False)}" if error.is_known else ""
    return f"“{variant.name}” against “{baseline.name}”, {pair}: {_signed(change, limit)}{ece}."


def against_temperature(series: AlphaSeries, pair: Pair, variants: Sequence[Variant], limit: float) -> str | None:
    """Smoothing against temperature scaling of hard labels, which costs nothing: the alpha of the least NLL."""
    found = compared_with_temperature(series, pair, variants)
    if found is None:
        return None
    start, best = series.variants[0], best_of(series)
    scaled = tempered(start, variants)
    name = f"“{scaled.name}”" if scaled else f"“{start.name}” at one temperature"
    if best is None or not found.is_known:
        return None
    return f"“{best.name}”, of least NLL, against {name}, {pair}: {_signed(found, limit)}."


def compared_with_temperature(series: AlphaSeries, pair: Pair, variants: Sequence[Variant]) -> Change | None:
    """The change from hard labels after temperature scaling, a variant or a stage, to the alpha of the least NLL."""
    best, start = best_of(series), series.variants[0]
    if best is None:
        return None
    scaled = tempered(start, variants)
    stage: Stage = "" if scaled else "_scaled"
    return change_of_difference(scaled or start, best, pair, before_stage=stage)


def best_of(series: AlphaSeries) -> Variant | None:
    """The variant of the least negative log-likelihood but for the first; None where it was not measured."""
    measured = [each for each in series.variants[1:] if math.isfinite(each.mean("nll"))]
    return min(measured, key=lambda each: each.mean("nll")) if measured else None


def _keeps_sign(change: Change) -> bool:
    return change.before.estimate * change.after.estimate >= 0


def _signed_part(start: Variant, end: Variant, pair: Pair, verb: str, limit: float) -> str:
    """Whether the difference of signed gaps did as the ECE gap did."""
    change = change_of_difference(start, end, pair)
    if not change.is_known:
        return "the signed difference was not measured"
    own = change.verb(limit)
    if own is None:
        return f"the signed difference shows no change: {_numbers(change)}"
    return f"the signed difference {'did too' if own == verb else own}: {_numbers(change)}"


def _signed(change: Change, limit: float) -> str:
    verb = change.verb(limit)
    said = f"the signed difference {verb}" if verb else f"{_nothing(change)} of the signed difference"
    return f"{said}, {_numbers(change)}"


def _nothing(change: Change) -> str:
    return "no change shown after correction" if shows(change.moved) else "no change shown"


def _numbers(change: Change, *, signed: bool = True) -> str:
    """The ends of a change, and the change itself."""
    before, after = (fixed(each.estimate, signed=signed) for each in (change.before, change.after))
    return f"{before} to {after}, {_moved(change)}"


def _moved(change: Change) -> str:
    """A change with its interval, and for what it holds unless that is other seeds and other rows."""
    moved = change.moved
    over = " over seeds, on these test rows" if moved.method == "t over seeds" and moved.freedom > 0 else ""
    return f"change {with_interval(moved)}{over}"
