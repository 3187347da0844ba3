"""What a value does from one variant to another, paired by seed and by test row, and in which words it may be told."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from smoothkit.statistics import LEVEL, CrossedMean, crossed_difference, crossed_mean, holm
from smoothkit_fairness.names import Stage, of_group, of_pair
from smoothkit_fairness.readings import ROWS_OF, Pair, RowQuantity, Variant, levelled, over_seeds, shows

AnyRows = Float64[np.ndarray, "_ _"]
"""Of one group, by seed and row; another group has another number of rows."""


@dataclass(frozen=True)
class Change:
    """A signed value before and after."""

    before: CrossedMean
    after: CrossedMean
    moved: CrossedMean
    """The value after minus that before."""
    total: CrossedMean
    """Both together: it has the sign of the one that is further from 0."""

    @property
    def is_known(self) -> bool:
        """Whether there is a seed that has both."""
        return all(math.isfinite(each.estimate) for each in (self.before, self.after, self.moved))

    def verb(self, limit: float = LEVEL) -> str | None:
        """What the value did, for sentences and tables alike; None where no change is shown at this level.

        Below 0, falling and rising would say the opposite of what they seem to. That a value came nearer to 0 needs
        more than its change: |after| - |before| has the sign of (after - before) (after + before), so that both have to
        be shown.
        """
        if not shows(self.moved, limit):
            return None
        before, after = self.before.estimate, self.after.estimate
        if before * after < 0 and shows(self.before) and shows(self.after):
            return "changed sign"
        if not shows(self.total):
            return "changed"
        nearer = abs(after) < abs(before)
        if before < 0 or after < 0:
            return "came nearer to 0" if nearer else "moved away from 0"
        return "fell" if nearer else "rose"


def change_of_group(before: Variant, after: Variant, quantity: RowQuantity, group: str) -> Change:
    """A group's value, such as its signed gap."""
    seeds = _common(before, after)
    tables = [(before.rows(quantity, group, "", seeds), after.rows(quantity, group, "", seeds))]
    name = of_group(quantity, group)
    return _change(tables, before.values(name), after.values(name))


def change_of_difference(
    before: Variant, after: Variant, pair: Pair, stage: Stage = "", before_stage: Stage = ""
) -> Change:
    """The difference of two groups' signed gaps, each variant at a stage."""
    seeds = _common(before, after)
    tables = [
        (before.rows("gap", group, before_stage, seeds), after.rows("gap", group, stage, seeds)) for group in pair
    ]
    names = (of_pair("gap_difference", *pair, each) for each in (before_stage, stage))
    return _change(tables, *(variant.values(name) for variant, name in zip((before, after), names, strict=True)))


def change_of_error(before: Variant, after: Variant, pair: Pair, quantity: str) -> Change:
    """The difference of two groups' calibration errors, by the name of its scalar."""
    name = of_pair(quantity, *pair)
    old, new = before.values(name), after.values(name)
    seeds = [seed for seed in old if seed in new]
    tables = [_error_tables(variant, pair, quantity, seeds) for variant in (before, after)]
    return _change([*zip(*tables, strict=True)], old, new)


def threshold(means: Iterable[CrossedMean]) -> float:
    """The largest p-value that Holm's correction rejects at 5 %: no more than 5 % of studies find anything at it where
    nothing is to be found, of all these together."""
    tested = [mean.p_value for mean in means if mean.error > 0 and not math.isnan(mean.p_value)]
    return max((p for p, corrected in zip(tested, holm(tested), strict=True) if corrected <= LEVEL), default=0.0)


def _change(
    tables: Sequence[tuple[AnyRows | None, AnyRows | None]], before: dict[int, float], after: dict[int, float]
) -> Change:
    """From the rows of one group or of two, before and after; from scalars by seed where rows are missing."""
    found = [(old, new) for old, new in tables if old is not None and new is not None and old.shape == new.shape]
    if len(found) < len(tables):
        common = [seed for seed in before if seed in after]
        return Change(
            over_seeds(before[seed] for seed in common),
            over_seeds(after[seed] for seed in common),
            over_seeds(after[seed] - before[seed] for seed in common),
            over_seeds(after[seed] + before[seed] for seed in common),
        )
    mean: Callable[..., CrossedMean] = crossed_mean if len(found) == 1 else crossed_difference
    return Change(
        mean(*(old for old, _ in found)),
        mean(*(new for _, new in found)),
        mean(*(new - old for old, new in found)),
        mean(*(new + old for old, new in found)),
    )


def _error_tables(
    variant: Variant, pair: Pair, quantity: str, seeds: Sequence[int]
) -> tuple[AnyRows | None, AnyRows | None]:
    """The rows of both groups' errors, moved so that their difference is the scalar of each seed."""
    if not seeds:
        return None, None
    first, second = (variant.rows(ROWS_OF[quantity], group, "", seeds) for group in pair)
    if first is None or second is None:
        return None, None
    values = variant.values(of_pair(quantity, *pair))
    return first, levelled(first, second, [values[seed] for seed in seeds])


def _common(before: Variant, after: Variant) -> list[int]:
    return [seed for seed in before.results if seed in after.results]
