"""Verdicts: computed from what was measured over seeds, never written by hand."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from smoothkit.claims.claim import Case, Statement, place
from smoothkit.report.numbers import listed
from smoothkit.statistics import LEVEL, deviation, holm, paired_interval, student_p_value

TRUE, IN_PART, FALSE, NOT_SHOWN = KINDS = ("true", "true in part", "false", "not shown")
FEWEST = 3
"""Seeds without which nothing is said of training."""


class Leaning(NamedTuple):
    """What the mean over seeds says of a case, and how likely the seeds alone make such a mean where it is not so."""

    answer: bool
    p_value: float


def leaning(case: Case, values: Sequence[float], *, of_training: bool = False) -> Leaning | None:
    """What the measured values say of a case; None where they can say nothing.

    Values that differ between seeds have the p-value of Student's t test of their mean against the nearest bound that
    matters. Values without spread are those of formulas and have no doubt about them; of training they say nothing, nor
    do those of fewer than three seeds. A number of training may be undefined in up to half of the seeds, which are then
    left out; a formula that is undefined anywhere says nothing.
    """
    values = defined(values) if of_training else values
    if not values or not all(map(math.isfinite, values)):
        return None
    without_spread = max(values) == min(values)
    if of_training and (without_spread or len(values) < FEWEST):
        return None
    mean = values[0] if without_spread else fmean(values)
    answers = {
        "above": mean > case.expected,
        "below": mean < case.expected,
        "equals": abs(mean - case.expected) <= case.within,
    }
    if without_spread:
        return Leaning(answers[case.relation], 0.0)
    error = deviation(list(values)) / math.sqrt(len(values))
    within = case.within if case.relation == "equals" else 0.0
    bounds = (case.expected - within, case.expected + within)
    p_values = [student_p_value(mean - bound, error, len(values) - 1.0) for bound in bounds]
    return Leaning(answers[case.relation], max(p_values))


def defined(values: Sequence[float]) -> Sequence[float]:
    """The values without those that are not defined, and so not finite; none where these are most of them.

    >>> defined([1.0, float("nan"), 2.0]), defined([1.0, float("nan"), float("nan")])
    ([1.0, 2.0], [])
    """
    found = [value for value in values if math.isfinite(value)]
    return found if 2 * len(found) >= len(values) else []


def holds(case: Case, values: Sequence[float], *, of_training: bool = False) -> bool | None:
    """Whether the measured values, by themselves, bear a case out: True, False, or None where they leave it open.

    Those that differ between seeds decide it where the 95 % interval of their mean is on one side of every bound.

    >>> case = Case(key="all", relation="equals", expected=1.0, within=0.1)
    >>> holds(case, [1.02]), holds(case, [1.3]), holds(case, [0.9, 1.2, 1.1])
    (True, False, None)
    """
    found = leaning(case, values, of_training=of_training)
    return found.answer if found and found.p_value < LEVEL else None


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean over seeds; the value itself where there is no spread to measure by."""
    if len(values) == 1 or max(values) == min(values):
        return values[0], values[0]
    found = paired_interval(list(values))
    return found.low, found.high


def answers(statement: Statement, values: Mapping[str, Sequence[float]]) -> dict[str, bool | None]:
    """Whether each case holds, by its key; None where it is open. `values` are what each seed measured, by `place`.

    Cases that all hold, or all do not, need no correction: it takes every one of them to say so. Else some would be
    picked out, and the chance that any of these is wrong is kept at 5 % by Holm's method.
    """
    found = {
        case.key: leaning(case, values.get(place(statement.key, case.key), ()), of_training=statement.of_training)
        for case in statement.cases
    }
    p_values = {key: each.p_value for key, each in found.items() if each}
    agreed = len(p_values) == len(found) and len({each.answer for each in found.values() if each}) == 1
    if not agreed or max(p_values.values()) >= LEVEL:
        p_values = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return {key: each.answer if each and p_values[key] < LEVEL else None for key, each in found.items()}


def verdict(statement: Statement, values: Mapping[str, Sequence[float]]) -> str:
    """`true`, `false`, `not shown`, or which of these it is for which cases.

    What is only `true for …` is false for all other cases.
    """
    found = answers(statement, values)
    keys = {answer: [key for key, each in found.items() if each is answer] for answer in (True, False, None)}
    words = {True: TRUE, False: FALSE, None: NOT_SHOWN}
    for answer, word in words.items():
        if len(keys[answer]) == len(found):
            return word
    named = [True] if keys[True] and not keys[None] else [answer for answer in words if keys[answer]]
    return "; ".join(f"{words[answer]} for {listed(keys[answer])}" for answer in named)


def kind(words: str) -> str:
    """Which of `KINDS` a verdict is.

    A statement that holds in some cases is true in part. One that holds in none and fails in some is false: it is
    put in general, and they are counter-examples.

    >>> kind("true for all"), kind("false for all; not shown for others")
    ('true in part', 'false')
    """
    if words in KINDS:
        return words
    return IN_PART if words.startswith(TRUE) else FALSE
