"""Which combinations of a grid are looked at together: lines of its tables, and subjects of its sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from smoothkit_selftrain.quantities import ACCURACY, COMPARED, ECE, PERSISTENCE, Quantity
from smoothkit_selftrain.study.grid import Grid, Places

TABLED = (ACCURACY, ECE, PERSISTENCE)
"""Quantities that have a table of their own."""


@dataclass(frozen=True)
class Line:
    """Some places of a grid, and their name."""

    name: str
    places: Mapping[str, Places]
    """By level."""


def everywhere(grid: Grid) -> Line:
    """All places."""
    return _common(grid, "all", frozenset(grid.cells))


def at_level(grid: Grid, axis: str, level: str) -> Line:
    """The places that have this level of an axis."""
    return _common(grid, f"{axis}: {level}", grid.on({axis: level}))


def axis_lines(grid: Grid) -> list[Line]:
    """Each level of each axis that has several."""
    return [at_level(grid, axis, level) for axis in grid.several() for level in grid.others[axis]]


def telling_lines(grid: Grid) -> list[Line]:
    """Each combination of the two axes that change the baseline's accuracy most."""
    axes = grid.telling_axes()[:2]
    return [
        _common(grid, ", ".join(levels), grid.on(dict(zip(axes, levels, strict=True))))
        for levels in product(*(grid.others[axis] for axis in axes))
    ]


def cap_lines(grid: Grid) -> list[Line]:
    """Of levels that have both: the places with a threshold below the cap, and the others; none where no level has."""
    above = {level: grid.places_above_cap(level) for level in grid.levels}
    places = {level: (grid.places(level) - own, own) for level, own in above.items()}
    both = {level: parts for level, parts in places.items() if all(parts)}
    names = ("below the cap", "at or above it")
    return [
        Line(name, {level: parts[place] for level, parts in both.items()}) for place, name in enumerate(names) if both
    ]


def shown_lines(grid: Grid) -> dict[Quantity, Sequence[Line]]:
    """By quantity, every line that a table or a sentence tells of."""
    summary = [everywhere(grid), *cap_lines(grid)]
    tabled = [*summary, *telling_lines(grid)]
    own = {ACCURACY: [*tabled, *axis_lines(grid)]}
    return {each: own.get(each, tabled if each in TABLED else summary) for each in COMPARED}


def _common(grid: Grid, name: str, places: Places) -> Line:
    return Line(name, dict.fromkeys(grid.levels, places))
