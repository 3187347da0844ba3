"""What the runs of a study measured: the scalars and rows of each variant over its seeds, by group and by pair."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float64

from smoothkit.conclusion import Findings
from smoothkit.scenario import Result, ScenarioConfig
from smoothkit.statistics.crossed import CrossedMean, crossed_difference, crossed_mean
from smoothkit_fairness.names import Stage, of_group, of_pair

LARGEST = 1e100
"""Values beyond this count as not finite: their squares and sums are to be floats."""

NOISE = 1e-9
"""Differences below this are arithmetic's."""

RARE = 5
"""Fewer right predictions than this, or fewer wrong ones, do not show how a group's rows vary."""

RowQuantity = Literal["gap", "accuracy", "confidence"]

Rows = Float64[np.ndarray, "seeds rows"]


class Pair(NamedTuple):
    """Two groups; a difference is the second's value minus the first's."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.second} vs {self.first}"


# Compared by identity: results hold arrays.
@dataclass(frozen=True, eq=False)
class Variant:
    """One variant's results, of at least one seed."""

    name: str
    config: ScenarioConfig
    results: Mapping[int, Result]
    """By seed, in ascending order."""

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups that any seed has measured, in the order of the data set."""
        start = of_group("gap", "")
        names = (name for result in self.results.values() for name in result.scalars if name.startswith(start))
        return tuple(dict.fromkeys(name.removeprefix(start) for name in names))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two groups, in the order in which the results compare them."""
        known = {name for result in self.results.values() for name in result.scalars}
        pairs = (Pair(*two) for two in itertools.combinations(self.groups, 2))
        return tuple(
            Pair(second, first)
            if of_pair("gap_difference", second, first) in known
            and of_pair("gap_difference", first, second) not in known
            else Pair(first, second)
            for first, second in pairs
        )

    def values(self, name: str) -> dict[int, float]:
        """One scalar by seed, where it is finite."""
        found = {seed: result.scalars.get(name, math.nan) for seed, result in self.results.items()}
        return {seed: float(value) for seed, value in found.items() if abs(value) < LARGEST}

    def mean(self, name: str) -> float:
        """One scalar on average over seeds; NaN where no seed has it."""
        values = list(self.values(name).values())
        return float(np.mean(values)) if values else math.nan

    def deviation(self, name: str) -> float:
        """One scalar's standard deviation over seeds; NaN for fewer than two."""
        values = list(self.values(name).values())
        return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan

    def size(self, group: str) -> int:
        """Test rows of a group."""
        count = self.mean(of_group("rows", group))
        return round(count) if math.isfinite(count) else 0

    def rows(self, quantity: RowQuantity, group: str, stage: Stage, seeds: Sequence[int]) -> Rows | None:
        """What a group's value is the mean of; None unless all these seeds have it, finite, for equally many rows."""
        if quantity == "confidence":
            gap, right = (self.rows(each, group, stage, seeds) for each in ("gap", "accuracy"))
            return None if gap is None or right is None or gap.shape != right.shape else gap + right
        # Temperature does not change what is predicted.
        name = of_group(quantity, group, "" if quantity == "accuracy" else stage)
        found = [np.asarray(self.results[seed].rows.get(name, ()), dtype=np.float64) for seed in seeds]
        if len({len(values) for values in found}) != 1 or not found[0].size:
            return None
        table = np.stack(found)
        return table if (np.abs(table) < LARGEST).all() else None

    def gap(self, group: str, stage: Stage = "") -> CrossedMean:
        """A group's signed gap for other seeds and other rows; over seeds only where there are no rows."""
        rows = self.rows("gap", group, stage, [*self.results])
        if rows is None:
            return _over_seeds(self.values(of_group("gap", group, stage)).values())
        return crossed_mean(rows, self._least_variance(group, rows.shape[1]))

    def gap_difference(self, pair: Pair, stage: Stage = "") -> CrossedMean:
        """The difference of two groups' signed gaps, likewise."""
        first, second = (self.rows("gap", group, stage, [*self.results]) for group in pair)
        if first is None or second is None:
            return _over_seeds(self.values(of_pair("gap_difference", *pair, stage)).values())
        least = [self._least_variance(group, rows.shape[1]) for group, rows in zip(pair, (first, second), strict=True)]
        return crossed_difference(first, second, (least[0], least[1]))

    def over_seeds(self, name: str) -> CrossedMean:
        """A scalar for other seeds and these rows."""
        return _over_seeds(self.values(name).values())

    def _least_variance(self, group: str, rows: int) -> float:
        """What one row of a group varies by at least, where hardly any prediction is right, or wrong.

        Rows that are all right do not show that the next might be wrong. It is the variance of Agresti and Coull's
        share (The American Statistician 52, 1998), which adds two right and two wrong ones.
        """
        right = rows * self.mean(of_group("accuracy", group))
        if min(right, rows - right) >= RARE or math.isnan(right):
            return 0.0
        share = (right + 2) / (rows + 4)
        return max(share * (1 - share), 0.0)


def readings(findings: Findings) -> dict[str, Variant]:
    """The variants that have results, by name, in the order of the file."""
    return {
        name: Variant(name, config, {seed: by_seed[seed] for seed in sorted(by_seed)})
        for name, config in findings.configs.items()
        if (by_seed := findings.results.get(name))
    }


def change(before: Variant, after: Variant, quantity: RowQuantity, group: str) -> CrossedMean:
    """How a group's value differs between two variants, paired by seed and by row; by seed only without rows."""
    seeds = _common(before, after)
    old, new = (variant.rows(quantity, group, "", seeds) for variant in (before, after))
    if old is None or new is None or old.shape != new.shape:
        return change_of_scalar(before, after, of_group(quantity, group))
    return crossed_mean(new - old)


def change_of_difference(before: Variant, after: Variant, pair: Pair, stage: Stage = "") -> CrossedMean:
    """How the difference of two groups' signed gaps changes from one variant to another at a stage, likewise."""
    seeds = _common(before, after)
    moved = []
    for group in pair:
        old, new = before.rows("gap", group, "", seeds), after.rows("gap", group, stage, seeds)
        moved.append(None if old is None or new is None or old.shape != new.shape else new - old)
    first, second = moved
    if first is None or second is None:
        name = of_pair("gap_difference", *pair)
        return change_of_scalar(before, after, name, of_pair("gap_difference", *pair, stage))
    return crossed_difference(first, second)


def change_of_scalar(before: Variant, after: Variant, name: str, after_name: str | None = None) -> CrossedMean:
    """How any scalar changes from one variant to another, paired by seed, on these test rows."""
    old, new = before.values(name), after.values(after_name or name)
    return _over_seeds(new[seed] - old[seed] for seed in old if seed in new)


def shows(mean: CrossedMean) -> bool:
    """Whether the 95 % interval leaves 0 out; not where nothing varies, which few seeds do by chance."""
    return mean.error > 0 and abs(mean.estimate) > NOISE and mean.interval.excludes(0.0)


def _over_seeds(values: Iterable[float]) -> CrossedMean:
    table = np.array(list(values), dtype=np.float64)[:, None]
    if not len(table):
        return CrossedMean(math.nan, math.nan, 0.0, "t over seeds")
    return crossed_mean(table)._replace(method="t over seeds")


def _common(before: Variant, after: Variant) -> list[int]:
    return [seed for seed in before.results if seed in after.results]
