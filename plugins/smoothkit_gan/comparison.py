"""What the variants of a study differ in: each quantity of each variant against the baseline, paired by seed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from smoothkit.scenario import Result
from smoothkit.statistics import LEVEL, Interval, holm, paired_interval, paired_p_value
from smoothkit_gan.config import GanConfig
from smoothkit_gan.quantities import POINTS, Kind, Quantity, kind_of

FEWEST = 3
"""Pairs without which nothing is said."""

Seeds = Mapping[int, Result]
Results = Mapping[str, Seeds]
"""By variant, in the order of the file; each has a result at least."""


@dataclass(frozen=True)
class Group:
    """Variants whose numbers can be compared: of one data set, one number of modes and one number of samples."""

    results: Results
    kind: Kind
    title: str


def comparable(results: Results, configs: Mapping[str, GanConfig]) -> list[Group]:
    """The variants in groups: distances of other data, or of other numbers of samples, have other floors."""
    groups: dict[tuple[str, float, int], dict[str, Seeds]] = {}
    for variant, seeds in results.items():
        config = configs[variant]
        modes = any_of(seeds).scalars.get("modes_perfect", 0.0)
        groups.setdefault((config.data.name, modes, config.evaluate.samples), {})[variant] = seeds
    kinds = [kind_of(any_of(next(iter(found.values()))).scalars) for found in groups.values()]
    return [
        Group(found, kind, f"{name}, {modes:.0f} modes" if kind is POINTS else f"{name}, {samples:,} samples")
        for ((name, modes, samples), found), kind in zip(groups.items(), kinds, strict=True)
    ]


def any_of(seeds: Seeds) -> Result:
    """One result of a variant, for what all have alike."""
    return next(iter(seeds.values()))


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a variant changes in one quantity."""

    variant: str
    quantity: Quantity
    interval: Interval
    """Of the mean difference from the baseline, by Student's t over seeds."""
    higher: int
    """Seeds in which the variant's value is above the baseline's."""
    lower: int
    seeds: int
    """Of all pairs, those in which both values are defined."""
    p_holm: float | None = None
    """Corrected for all changes of the study; None where the seeds cannot tell."""

    @property
    def is_shown(self) -> bool:
        """Whether the variants differ, so far as seeds can show it."""
        return self.p_holm is not None and self.p_holm < LEVEL


def defined(results: Iterable[Result], *names: str) -> list[float]:
    """A scalar of each result, by whichever of the names it has; where it is not defined, it is left out."""
    found = (result.scalars.get(name, math.nan) for result in results for name in names)
    return [value for value in found if math.isfinite(value)]


def changes(results: Results, baseline: str, quantities: Sequence[Quantity]) -> dict[str, list[Change]]:
    """The changes of every variant but the baseline, by variant: of the quantities that enough pairs have."""
    found = [
        change
        for variant, seeds in results.items()
        if variant != baseline
        for quantity in quantities
        if (change := _change(variant, quantity, seeds, results[baseline])) is not None
    ]
    tested = [(place, change.p_holm) for place, change in enumerate(found) if change.p_holm is not None]
    for (place, _), corrected in zip(tested, holm([p for _, p in tested]), strict=True):
        found[place] = replace(found[place], p_holm=corrected)
    return {name: [each for each in found if each.variant == name] for name in results if name != baseline}


def _change(variant: str, quantity: Quantity, seeds: Seeds, reference: Seeds) -> Change | None:
    """The change with its own p-value, not yet corrected; None where too few pairs have the quantity."""
    pairs = (
        [results[seed].scalars.get(quantity.name, math.nan) for results in (seeds, reference)]
        for seed in seeds
        if seed in reference
    )
    differences = [own - other for own, other in pairs if math.isfinite(own - other)]
    if len(differences) < FEWEST:
        return None
    return Change(
        variant=variant,
        quantity=quantity,
        interval=paired_interval(differences),
        higher=sum(difference > 0 for difference in differences),
        lower=sum(difference < 0 for difference in differences),
        seeds=len(differences),
        p_holm=paired_p_value(differences),
    )
