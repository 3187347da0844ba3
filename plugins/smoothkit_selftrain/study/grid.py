"""A grid of variants: pairs that differ in the level of one axis, over all combinations of the others or some."""

import math
import statistics
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from smoothkit.conclusion import Findings
from smoothkit.report.comparison import Comparison
from smoothkit_selftrain.caps import ROUNDING
from smoothkit_selftrain.quantities import ACCURACY, HEADROOM, Quantity
from smoothkit_selftrain.study.comparison import Pairs, Results, Seeds, differences, mean_of

Place = tuple[str, ...]
"""A level of each axis but the one that is compared along, in the order of `Grid.others`."""
Places = frozenset[Place]


@dataclass(frozen=True)
class Grid:
    """The variants of a study by their levels; those without a result are left out."""

    against: str
    """The axis along which variants are compared."""
    baseline: str
    """The level that the others are compared with."""
    levels: tuple[str, ...]
    """The other levels on that axis, in the order of the file."""
    others: Mapping[str, tuple[str, ...]]
    """The other axes and their levels."""
    cells: Mapping[Place, Mapping[str, Seeds]]
    """By place, then by level on the axis `against`."""
    comparisons: Mapping[Place, Mapping[str, Mapping[str, Comparison]]]
    """What the study says of each single pair: by place, then by level, then by scalar."""

    def pairs(self, level: str, quantity: Quantity, places: Set[Place]) -> Pairs:
        """By seed, how far `level` is above the baseline in the mean over such of these places as `paired` tells."""
        found = [self._pairs_at(place, level, quantity) for place in self.paired(level, quantity, places)]
        # The same places in every seed: else seeds would differ by which places they lack.
        seeds = sorted(set.intersection(*map(set, found))) if found else []
        return {seed: statistics.fmean(each[seed] for each in found) for seed in seeds}

    def paired(self, level: str, quantity: Quantity, places: Set[Place]) -> Places:
        """Those of the places in which a seed at least has the quantity for both the level and the baseline."""
        return frozenset(place for place in self.places(level) & places if self._pairs_at(place, level, quantity))

    def mean(self, level: str, quantity: Quantity, places: Set[Place]) -> float:
        """The mean over these places of the level's mean over seeds; NaN where it has no number."""
        cells = [cell for place, cell in self.cells.items() if place in places and level in cell]
        means = [mean_of(cell[level], quantity) for cell in cells]
        kept = [mean for mean in means if math.isfinite(mean)]
        return statistics.fmean(kept) if kept else math.nan

    def places(self, level: str) -> Places:
        """Where both the level and the baseline have results."""
        return frozenset(place for place, cell in self.cells.items() if level in cell and self.baseline in cell)

    def places_above_cap(self, level: str) -> Places:
        """Those of them where the level's threshold is at or above the cap of its targets, so that it starves."""
        return frozenset(
            place for place in self.places(level) if mean_of(self.cells[place][level], HEADROOM) <= ROUNDING
        )

    def on(self, levels: Mapping[str, str]) -> Places:
        """The places that have these levels, by axis."""
        axes = list(self.others)
        return frozenset(
            place for place in self.cells if all(place[axes.index(axis)] == level for axis, level in levels.items())
        )

    def several(self) -> list[str]:
        """The other axes that have several levels, in the order of the file."""
        return [axis for axis, levels in self.others.items() if len(levels) > 1]

    def telling_axes(self) -> list[str]:
        """The same, the one along which the baseline's accuracy differs most first."""

        def spread(axis: str) -> float:
            means = [self.mean(self.baseline, ACCURACY, self.on({axis: level})) for level in self.others[axis]]
            kept = [mean for mean in means if math.isfinite(mean)]
            return max(kept) - min(kept) if kept else 0.0

        return sorted(self.several(), key=spread, reverse=True)

    def _pairs_at(self, place: Place, level: str, quantity: Quantity) -> Pairs:
        return differences(self.cells[place][level], self.cells[place][self.baseline], quantity)


def grid_of(findings: Findings, results: Results) -> Grid | None:
    """The grid of a study that compares along one of its axes, with other axes beside it; None for any other study."""
    levels = {variant: own for variant, own in findings.levels.items() if own and variant in results}
    pairs = [
        (levels[one], levels[other]) for one, other in findings.baselines.items() if one in levels and other in levels
    ]
    differing = {tuple(axis for axis in one if one[axis] != other[axis]) for one, other in pairs}
    if len(differing) != 1 or len(next(iter(differing))) != 1:
        return None
    ((against,),) = differing
    baselines = {other[against] for _, other in pairs}
    if len(baselines) != 1:
        return None
    (baseline,) = baselines
    axes = [axis for axis in next(iter(levels.values())) if axis != against]
    if len({tuple(own[axis] for axis in axes) for own in levels.values()}) == 1:
        return None
    cells: dict[Place, dict[str, Seeds]] = {}
    comparisons: dict[Place, dict[str, Mapping[str, Comparison]]] = {}
    for variant, own in levels.items():
        place = tuple(own[axis] for axis in axes)
        cells.setdefault(place, {})[own[against]] = results[variant]
        comparisons.setdefault(place, {})[own[against]] = findings.comparisons.get(variant, {})
    return Grid(
        against=against,
        baseline=baseline,
        levels=tuple(level for level in _in_order(own[against] for own in levels.values()) if level != baseline),
        others={axis: _in_order(own[axis] for own in levels.values()) for axis in axes},
        cells=cells,
        comparisons=comparisons,
    )


def _in_order(levels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(levels))
