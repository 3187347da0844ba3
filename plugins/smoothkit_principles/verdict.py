"""Verdicts: computed from what was measured over seeds, never written by hand."""

import math
from collections.abc import Mapping, Sequence

from smoothkit.statistics import paired_interval
from smoothkit_principles.claim import Case, Statement, place

TRUE, IN_PART, FALSE, NOT_SHOWN = KINDS = ("true", "true in part", "false", "not shown")


def holds(case: Case, values: Sequence[float]) -> bool | None:
    """Whether the measured values bear the case out: True, False, or None where they leave it open.

    Values that differ between seeds are judged by the 95 % interval of their mean, which must lie on one side of every
    bound that matters; values without spread, of formulas or of one seed, by themselves. A value that is not finite
    leaves a case open.

    >>> case = Case(key="all", relation="equals", expected=1.0, within=0.1)
    >>> holds(case, [1.02]), holds(case, [1.3]), holds(case, [0.9, 1.2, 1.1])
    (True, False, None)
    """
    if not values or not all(map(math.isfinite, values)):
        return None
    low, high = interval(values)
    if case.relation == "above":
        return _decided(low > case.expected, high <= case.expected)
    if case.relation == "below":
        return _decided(high < case.expected, low >= case.expected)
    bottom, top = case.expected - case.within, case.expected + case.within
    return _decided(bottom <= low and high <= top, high < bottom or low > top)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean over seeds; the value itself where there is no spread to measure by."""
    if len(values) == 1 or max(values) == min(values):
        return values[0], values[0]
    found = paired_interval(list(values))
    return found.low, found.high


def verdict(statement: Statement, values: Mapping[str, Sequence[float]]) -> str:
    """`true`, `false`, `true for …` where only some cases hold, or `not shown`.

    `values` are what each seed measured, by `place`.
    """
    found = {case.key: holds(case, values.get(place(statement.key, case.key), ())) for case in statement.cases}
    true = [key for key, answer in found.items() if answer]
    if len(true) == len(found):
        return TRUE
    if true:
        return f"true for {' and '.join(true)}"
    return NOT_SHOWN if None in found.values() else FALSE


def kind(words: str) -> str:
    """Which of `KINDS` a verdict is: `true for …` is true in part.

    >>> kind("true for all")
    'true in part'
    """
    return words if words in KINDS else IN_PART


def _decided(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None
