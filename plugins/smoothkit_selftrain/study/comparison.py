"""What variants of a study differ in: each quantity of each variant against its baseline, paired by seed."""

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from smoothkit.conclusion import Findings
from smoothkit.report.comparison import NOT_FOR_OTHER_ROWS, Comparison, judge
from smoothkit.report.table import Verdict
from smoothkit.scenario import Result
from smoothkit.statistics import LEVEL, detectable_difference, deviation, holm, paired_interval, paired_p_value
from smoothkit_selftrain.quantities import Quantity

FEWEST = 3
"""Pairs without which nothing is said."""

Seeds = Mapping[int, Result]
Results = Mapping[str, Seeds]
"""By variant, in the order of the file; each has a result at least."""
Pairs = Mapping[int, float]
"""By seed, how far one value is above the other, in the seeds in which both are defined."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a variant, or a level of a grid, changes in one quantity, as it was judged."""

    quantity: Quantity
    estimate: float
    """The mean difference from the baseline over seeds."""
    low: float
    high: float
    """Ends of its 95 % interval, by Student's t over seeds."""
    seeds: int
    """Pairs in which both values are defined; `FEWEST` at least."""
    agreeing: int
    """Seeds whose difference has the sign of the mean."""
    verdict: Verdict
    """`open` where no difference is shown, corrected for all that are looked at together."""
    detectable: float | None
    """The true difference that four studies of five with so many seeds would find; None where that is not known, or
    where more seeds would not settle the matter."""
    combinations: int = 1
    """Of a grid, over which the mean is taken before that over seeds."""

    @property
    def is_shown(self) -> bool:
        """Whether there is a difference."""
        return self.verdict != "open"


def value_of(result: Result, quantity: Quantity) -> float:
    """The scalar; NaN where the result does not have it."""
    return result.scalars.get(quantity.name, math.nan)


def defined(results: Iterable[Result], quantity: Quantity) -> list[float]:
    """The scalar of each result in which it is defined."""
    return [value for value in (value_of(result, quantity) for result in results) if math.isfinite(value)]


def mean_of(seeds: Seeds, quantity: Quantity) -> float:
    """Over the seeds in which it is defined; NaN where there is none."""
    values = defined(seeds.values(), quantity)
    return statistics.fmean(values) if values else math.nan


def differences(seeds: Seeds, reference: Seeds, quantity: Quantity) -> dict[int, float]:
    """By seed, how far the quantity is above that of the reference, in the seeds that have both."""
    found = {
        seed: value_of(result, quantity) - value_of(reference[seed], quantity)
        for seed, result in seeds.items()
        if seed in reference
    }
    return {seed: difference for seed, difference in found.items() if math.isfinite(difference)}


def read_change(quantity: Quantity, entry: Comparison | None, pairs: Pairs, combinations: int = 1) -> Change | None:
    """What an entry of a study's comparisons says, as every report judges it; None where it has too few pairs."""
    if entry is None or len(entry["seeds"]) < FEWEST:
        return None
    verdict, reason = judge(entry)
    low, high = entry["ci95"]
    sign = math.copysign(1.0, entry["difference"])
    return Change(
        quantity=quantity,
        estimate=entry["difference"],
        low=low,
        high=high,
        seeds=len(entry["seeds"]),
        agreeing=sum(sign * pairs[seed] > 0 for seed in entry["seeds"]),
        verdict=verdict,
        detectable=None if reason == NOT_FOR_OTHER_ROWS else entry["detectable"],
        combinations=combinations,
    )


def judged_together(quantity: Quantity, found: Mapping[Key, Pairs]) -> dict[Key, Comparison]:
    """An entry for each of these differences, which no other report holds, corrected for all of them by Holm's method.

    They have what `read_change` needs; those of fewer than `FEWEST` pairs have no entry.
    """
    kept = {key: list(pairs.values()) for key, pairs in found.items() if len(pairs) >= FEWEST}
    tested = {key: p for key, values in kept.items() if (p := paired_p_value(values)) is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    entries = {}
    for key, values in kept.items():
        interval, spread = paired_interval(values), deviation(values)
        entries[key] = {
            "difference": interval.estimate,
            "ci95": (interval.low, interval.high),
            "p_holm": corrected.get(key),
            "detectable": detectable_difference(spread, len(values), LEVEL / len(tested)) if spread > 0 else None,
            "seeds": list(found[key]),
            "better": quantity.better,
        }
    return entries


def baselines_in(findings: Findings, results: Results) -> dict[str, str]:
    """By variant that the study compares, what it is compared with."""
    compared = {variant: findings.comparisons.get(variant) for variant in results}
    return {variant: next(iter(entries.values()))["baseline"] for variant, entries in compared.items() if entries}


def changes(findings: Findings, results: Results, quantities: Sequence[Quantity]) -> dict[str, list[Change]]:
    """By variant that the study compares, the changes of the quantities that enough pairs have, as it judges them."""
    return {
        variant: [
            change
            for quantity in quantities
            if (change := _change(findings, results[variant], results[other], variant, quantity)) is not None
        ]
        for variant, other in baselines_in(findings, results).items()
    }


def _change(findings: Findings, seeds: Seeds, reference: Seeds, variant: str, quantity: Quantity) -> Change | None:
    entry = findings.comparisons[variant].get(quantity.name)
    return read_change(quantity, entry, differences(seeds, reference, quantity))
