"""Whether two groups differ in signed gap, over all seeds and rows of a variant, and what kept it open if not."""

import math
from dataclasses import dataclass
from typing import Literal

from smoothkit.report.numbers import count, p_value
from smoothkit.statistics import LEVEL, CrossedMean, holm
from smoothkit_fairness.intervals import apart, fixed
from smoothkit_fairness.names import Stage
from smoothkit_fairness.readings import Pair, Variant


@dataclass(frozen=True, kw_only=True)
class PairVerdict:
    """The second group of a pair against the first."""

    pair: Pair
    difference: CrossedMean
    """Of the signed gaps."""
    p_holm: float
    """Of the hypothesis that there is none, corrected for the pairs of the variant; NaN where there is no test."""
    detectable: float
    """The smallest difference that 80 % of such studies find, at 5 % divided by the number of pairs."""
    verdict: Literal["higher", "lower", "open"]
    """The second group is more over-confident, or less, or nothing is shown."""
    reason: str = ""
    """Why it is open."""


def judge_pairs(variant: Variant, stage: Stage = "") -> tuple[PairVerdict, ...]:
    """The verdict on every pair of a variant's groups.

    It is open where the p-value is above 5 % after Holm's correction, so that at most 5 % of variants whose groups do
    not differ get any other; and where the difference is smaller than what such a study finds reliably, since what is
    found then is exaggerated if it is real.
    """
    differences = {pair: variant.gap_difference(pair, stage) for pair in variant.pairs}
    tested = [pair for pair, each in differences.items() if each.error > 0 and not math.isnan(each.p_value)]
    corrected = dict(zip(tested, holm([differences[pair].p_value for pair in tested]), strict=True))
    level = LEVEL / max(len(tested), 1)
    return tuple(
        _judge(
            variant, pair, each, corrected.get(pair, math.nan), each.detectable(level) if each.error > 0 else math.nan
        )
        for pair, each in differences.items()
    )


def _judge(variant: Variant, pair: Pair, difference: CrossedMean, p_holm: float, detectable: float) -> PairVerdict:
    reason = _reason(variant, pair, difference, p_holm, detectable)
    direction = "higher" if difference.estimate > 0 else "lower"
    return PairVerdict(
        pair=pair,
        difference=difference,
        p_holm=p_holm,
        detectable=detectable,
        verdict="open" if reason else direction,
        reason=reason,
    )


def _reason(variant: Variant, pair: Pair, difference: CrossedMean, p_holm: float, detectable: float) -> str:
    """What keeps a verdict open; nothing where there is one."""
    if empty := [group for group in pair if not variant.size(group)]:
        return f"cannot be told: no test rows of {' and '.join(empty)}"
    if math.isnan(p_holm):
        return "cannot be told: more seeds or rows are needed for an interval"
    if p_holm <= LEVEL and abs(difference.estimate) >= detectable:
        return ""
    sizes = " and ".join(str(variant.size(group)) for group in reversed(pair))
    seeds = count(len(variant.results), "seed")
    if p_holm > LEVEL:
        short = "with so few seeds" if _is_short_of_seeds(variant, difference) else "at this group size"
        return f"cannot be told {short}: n = {sizes}, {seeds}; {_would_show(detectable)}"
    return (
        f"p (Holm) {p_value(p_holm)}, yet smaller than what such a study finds in four of five cases "
        f"({fixed(detectable, apart(abs(difference.estimate), detectable))}), so that its size is not to be trusted: "
        f"n = {sizes}, {seeds}"
    )


def _would_show(detectable: float) -> str:
    # Signed gaps lie between -1 and 1, and groups whose gaps differ by 1 are of no interest.
    if detectable >= 1:
        return "no difference could show"
    return f"differences from {fixed(detectable)} on would show"


def _is_short_of_seeds(variant: Variant, difference: CrossedMean) -> bool:
    """Whether most of the error is between seeds, so that more rows would not help.

    The degrees of freedom are then near those of the seeds: at half the variance four times as many.
    """
    between = len(variant.results) - 1
    return between > 0 and difference.freedom < 4 * between
