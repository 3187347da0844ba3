"""What variants of a study differ in: each quantity of each variant against its baseline, paired by seed."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from smoothkit.conclusion import Findings
from smoothkit.report.comparison import judge
from smoothkit.report.summary import summarise
from smoothkit.scenario import Result
from smoothkit.statistics import (
    LEVEL,
    Interval,
    detectable_difference,
    deviation,
    holm,
    paired_interval,
    paired_p_value,
)
from smoothkit_selftrain.quantities import Quantity

FEWEST = 3
"""Pairs without which nothing is said."""

Seeds = Mapping[int, Result]
Results = Mapping[str, Seeds]
"""By variant, in the order of the file; each has a result at least."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a variant, or whatever `name` stands for, changes in one quantity."""

    name: str
    quantity: Quantity
    differences: tuple[float, ...]
    """From the baseline, one for each seed; `FEWEST` at least."""
    p: float | None = None
    """Of the two-sided paired test, on its own; None where the seeds cannot tell."""
    is_shown: bool = False
    """Whether there is a difference, corrected for all that are looked at together."""

    @property
    def interval(self) -> Interval:
        """Of the mean difference, by Student's t over seeds."""
        return paired_interval(self.differences)

    @property
    def seeds(self) -> int:
        """Pairs in which both values are defined."""
        return len(self.differences)

    @property
    def agreeing(self) -> int:
        """Seeds whose difference has the sign of the mean."""
        sign = math.copysign(1.0, self.interval.estimate)
        return sum(sign * difference > 0 for difference in self.differences)

    @property
    def detectable(self) -> float | None:
        """The true difference that 80 % of such studies would find at 5 %; None where the seeds do not differ."""
        spread = deviation(self.differences)
        return detectable_difference(spread, self.seeds) if spread > 0 else None


def baseline_of(findings: Findings, variant: str) -> str | None:
    """What a variant is compared with; None for a baseline, and where there is none with a result."""
    found = findings.baselines.get(variant) if findings.baselines else findings.baseline
    return found if found != variant and findings.results.get(found or "") else None


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


def change_of(name: str, quantity: Quantity, found: Iterable[float]) -> Change | None:
    """A change, not yet judged; None where too few pairs have the quantity."""
    kept = tuple(found)
    if len(kept) < FEWEST:
        return None
    return Change(name=name, quantity=quantity, differences=kept, p=paired_p_value(kept))


def corrected(changes: Sequence[Change]) -> list[Change]:
    """The changes, judged together: shown is one whose p-value is below 5 % after Holm's correction for all of them."""
    tested = [(place, change.p) for place, change in enumerate(changes) if change.p is not None]
    found = list(changes)
    for (place, _), p in zip(tested, holm([p for _, p in tested]), strict=True):
        found[place] = replace(found[place], is_shown=p < LEVEL)
    return found


def changes(findings: Findings, results: Results, quantities: Sequence[Quantity]) -> dict[str, list[Change]]:
    """By variant that has a baseline, the changes of the quantities that enough pairs have.

    They are judged as every report judges them: a sentence must not contradict the table above it.
    """
    baselines = {variant: other for variant in results if (other := baseline_of(findings, variant)) is not None}
    entries = summarise(_only(results, quantities), baselines)["comparisons"]
    return {
        variant: [
            replace(change, is_shown=judge(entries[variant][quantity.name])[0] != "open")
            for quantity in quantities
            if (change := _change(results[variant], results[other], variant, quantity)) is not None
        ]
        for variant, other in baselines.items()
    }


def _change(seeds: Seeds, reference: Seeds, name: str, quantity: Quantity) -> Change | None:
    return change_of(name, quantity, differences(seeds, reference, quantity).values())


def _only(results: Results, quantities: Sequence[Quantity]) -> Results:
    """The results with the scalars of these quantities alone."""
    names = {quantity.name for quantity in quantities}
    return {
        variant: {
            seed: replace(result, scalars={name: value for name, value in result.scalars.items() if name in names})
            for seed, result in seeds.items()
        }
        for variant, seeds in results.items()
    }
