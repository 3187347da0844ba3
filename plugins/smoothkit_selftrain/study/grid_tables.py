"""Tables of a grid of variants: what each level changes where all else is equal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

from smoothkit.report.numbers import known, number
from smoothkit.report.table import Cell, Row, Section, Table, Verdict
from smoothkit_selftrain.quantities import ACCURACY, Quantity
from smoothkit_selftrain.study.comparison import Change, corrected
from smoothkit_selftrain.study.grid import Grid, Place

Where = Callable[[Place], bool]

SHOWN = "*"
"""Stands behind a difference that is shown."""


@dataclass(frozen=True)
class Line:
    """A row of a table: some places of the grid, and their name."""

    name: str
    where: Mapping[str, Where]
    """By level, which of the places count."""


def axes_table(grid: Grid) -> Table:
    """The effect on accuracy at each level of each other axis, in the mean over all the rest."""
    lines = [
        _line(grid, f"{axis}: {level}", grid.on({axis: level}))
        for axis, levels in grid.others.items()
        for level in levels
        if len(levels) > 1
    ]
    title = f"{ACCURACY.words[0].upper()}{ACCURACY.words[1:]} by {_listed_axes(grid)}"
    return effects_table(grid, ACCURACY, title, lines)


def telling_table(grid: Grid, quantity: Quantity) -> Table:
    """A row for each combination of the two axes that change the baseline's accuracy most; means over the others."""
    axes = grid.telling_axes()[:2]
    lines = [
        _line(grid, ", ".join(levels), grid.on(dict(zip(axes, levels, strict=True))))
        for levels in product(*(grid.others[axis] for axis in axes))
    ]
    title = f"{quantity.words[0].upper()}{quantity.words[1:]} by {' and '.join(axes)}"
    return effects_table(grid, quantity, title, lines)


def effects_table(grid: Grid, quantity: Quantity, title: str, lines: list[Line]) -> Table:
    """The baseline's mean, and each level's difference from it; below, over all places and by the cap."""
    summary = _summary(grid)
    found: dict[tuple[str, str], Change] = {}
    for each in (*lines, *summary):
        for level in grid.levels:
            change = grid.change(level, quantity, each.where[level])
            if change is not None:
                found[each.name, level] = change
    found = dict(zip(found, corrected(list(found.values())), strict=True))
    sections = [Section(rows=tuple(_row(grid, quantity, each, found) for each in part)) for part in (lines, summary)]
    return Table(
        title=f"{title}, in per cent",
        columns=("", grid.baseline, *grid.levels),
        numeric=(False, *[True] * (1 + len(grid.levels))),
        sections=tuple(section for section in sections if section.rows),
        notes=(
            f"{grid.baseline}: its mean. The others: their mean difference from it in points, over combinations that "
            f"differ in {grid.against} alone. {SHOWN}: shown, at 5 % with Holm's correction for all differences of "
            "this table, paired by seed.",
        ),
    )


def _listed_axes(grid: Grid) -> str:
    return ", ".join(axis for axis, levels in grid.others.items() if len(levels) > 1)


def _line(grid: Grid, name: str, where: Where) -> Line:
    return Line(name, dict.fromkeys((grid.baseline, *grid.levels), where))


def _summary(grid: Grid) -> list[Line]:
    """All places; and, where a level has both, those with a threshold below its cap, and the others."""
    lines = [_line(grid, "all", lambda place: True)]
    above = {level: frozenset(grid.places_above_cap(level)) for level in grid.levels}
    if not any(above.values()):
        return lines
    everyone = frozenset(grid.cells)
    for name, kept in (
        ("below the cap", {level: everyone - places for level, places in above.items()}),
        ("at or above it", above),
    ):
        lines.append(Line(name, {level: places.__contains__ for level, places in kept.items()}))
    return lines


def _row(grid: Grid, quantity: Quantity, line: Line, found: Mapping[tuple[str, str], Change]) -> Row:
    # The baseline has no one mean beside levels whose places differ.
    where = line.where.get(grid.baseline)
    mean = None if where is None else known(quantity.scale * grid.mean(grid.baseline, quantity, where))
    cells = (_cell(found.get((line.name, level))) for level in grid.levels)
    return (Cell(text=line.name), Cell(text=number(mean, quantity.places)), *cells)


def _cell(change: Change | None) -> Cell:
    if change is None:
        return Cell(text=number(None, 1))
    quantity, estimate = change.quantity, change.interval.estimate
    # Rounded first: a column of differences has no room for the digits of one that is almost 0.
    text = number(round(quantity.scale * estimate, quantity.places), quantity.places, signed=True)
    if not change.is_shown:
        return Cell(text=text, verdict="open")
    is_better = quantity.better == ("higher" if estimate > 0 else "lower")
    verdict: Verdict = "different" if quantity.better is None else "better" if is_better else "worse"
    return Cell(text=text + SHOWN, verdict=verdict)
