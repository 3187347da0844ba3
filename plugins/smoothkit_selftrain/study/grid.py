"""A grid of variants: what a level of one axis changes where all else is equal, over all cells or some of them."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from smoothkit.conclusion import Findings
from smoothkit_selftrain.quantities import ACCURACY, HEADROOM, Quantity
from smoothkit_selftrain.study.comparison import Change, Results, Seeds, change_of, differences, mean_of

Place = tuple[str, ...]
"""A level of each axis but the one that is compared along, in the order of `Grid.others`."""


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

    def change(
        self, level: str, quantity: Quantity, where: Callable[[Place], bool] = lambda place: True
    ) -> Change | None:
        """What `level` changes against the baseline, in the mean over the places for which `where` holds and that have
        both, paired by seed; None where too few seeds have all of these."""
        cells = [self.cells[place] for place in self.places(level) if where(place)]
        pairs = (differences(cell[level], cell[self.baseline], quantity) for cell in cells)
        found = [pair for pair in pairs if pair]
        # The same cells in every seed: else seeds would differ by which cells they lack.
        seeds = sorted(set.intersection(*map(set, found))) if found else []
        return change_of(level, quantity, [statistics.fmean(each[seed] for each in found) for seed in seeds])

    def mean(self, level: str, quantity: Quantity, where: Callable[[Place], bool] = lambda place: True) -> float:
        """The mean over such places of the level's mean over seeds; NaN where it has no number."""
        means = [mean_of(cell[level], quantity) for place, cell in self.cells.items() if where(place) and level in cell]
        kept = [mean for mean in means if math.isfinite(mean)]
        return statistics.fmean(kept) if kept else math.nan

    def places(self, level: str) -> list[Place]:
        """Where both the level and the baseline have results."""
        return [place for place, cell in self.cells.items() if level in cell and self.baseline in cell]

    def places_above_cap(self, level: str) -> list[Place]:
        """Those of them where the level's threshold is at or above the cap of its targets, so that it starves."""
        return [place for place in self.places(level) if mean_of(self.cells[place][level], HEADROOM) <= 0]

    def on(self, levels: Mapping[str, str]) -> Callable[[Place], bool]:
        """Whether a place has these levels, by axis."""
        axes = list(self.others)
        return lambda place: all(place[axes.index(axis)] == level for axis, level in levels.items())

    def telling_axes(self) -> list[str]:
        """The other axes that have several levels, the one along which the baseline's accuracy differs most first."""

        def spread(axis: str) -> float:
            means = [self.mean(self.baseline, ACCURACY, self.on({axis: level})) for level in self.others[axis]]
            kept = [mean for mean in means if math.isfinite(mean)]
            return max(kept) - min(kept) if kept else 0.0

        return sorted((axis for axis, levels in self.others.items() if len(levels) > 1), key=spread, reverse=True)


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
    for variant, own in levels.items():
        cells.setdefault(tuple(own[axis] for axis in axes), {})[own[against]] = results[variant]
    return Grid(
        against=against,
        baseline=baseline,
        levels=tuple(level for level in _in_order(own[against] for own in levels.values()) if level != baseline),
        others={axis: _in_order(own[axis] for own in levels.values()) for axis in axes},
        cells=cells,
    )


def _in_order(levels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(levels))
