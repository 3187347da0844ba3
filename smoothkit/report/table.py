"""Tables as data, for any renderer, and what stands in their cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Verdict = Literal["better", "worse", "different", "open"]
"""What a comparison says: a difference (`different` where neither side is better), or none shown."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A cell's small picture: points on a scale that the cells below each other share, and perhaps an interval."""

    points: tuple[float, ...]
    scale: tuple[float, float]
    """Values at the left and at the right end."""
    mark: float | None = None
    """Where a line stands across the strip: a mean, or no difference."""
    interval: tuple[float, float] | None = None
    description: str
    """What the picture shows, for those who cannot see it."""

    def __post_init__(self):
        numbers = (*self.points, *self.scale, *(self.interval or ()), *([] if self.mark is None else [self.mark]))
        if not (all(map(math.isfinite, numbers)) and self.scale[0] < self.scale[1]):
            raise ValueError(f"the strip “{self.description}” needs finite numbers, and a scale that ascends")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One entry: its text says everything, the verdict's sign included; the verdict only colours it, the strip only
    shows it."""

    text: str
    verdict: Verdict | None = None
    strip: Strip | None = None


Row = tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that belong together, under a heading of their own unless it is empty."""

    rows: tuple[Row, ...]
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first cell of a row names it."""

    title: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    """Which columns are aligned to the right."""
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        widths = {len(self.numeric), *(len(row) for section in self.sections for row in section.rows)}
        if not self.columns or widths != {len(self.columns)}:
            raise ValueError(f"the table “{self.title}” needs {len(self.columns)} entries in `numeric` and every row")


def span(values: Sequence[float]) -> tuple[float, float]:
    """The scale that holds all `values`; one of width 1 around them where they are all alike."""
    low, high = min(values), max(values)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


BLOCK = 3
"""Columns of `mean ± standard deviation` that stand beside each other in 80 characters, or across a page."""


def in_blocks(table: Table, keep: int, across: int = BLOCK) -> list[Table]:
    """The table cut into blocks of at most `across` columns, each after the first `keep` columns."""
    starts = range(keep, len(table.columns), across) or [keep]

    def cut(row: tuple[Any, ...], start: int) -> tuple[Any, ...]:
        return (*row[:keep], *row[start : start + across])

    return [
        Table(
            title=table.title if start == starts[0] else "",
            columns=cut(table.columns, start),
            numeric=cut(table.numeric, start),
            sections=tuple(replace(part, rows=tuple(cut(row, start) for row in part.rows)) for part in table.sections),
            notes=table.notes if start == starts[-1] else (),
        )
        for start in starts
    ]


WIDE = 40
"""Characters of a cell beyond which it is broken into lines."""


def within(table: Table, width: int) -> list[Table]:
    """The table in as few blocks as are at most `width` characters wide, each with the first column; if none are that
    narrow, a block for every column."""
    for across in range(len(table.columns) - 1, 1, -1):
        blocks = in_blocks(table, 1, across)
        if all(sum(column_widths(block)) <= width for block in blocks):
            return blocks
    return in_blocks(table, 1, 1)


def column_widths(table: Table) -> list[int]:
    """Characters that each column takes, with the space between columns; a cell of more than `WIDE` is broken."""
    rows = [table.columns, *([cell.text for cell in row] for section in table.sections for row in section.rows)]
    margin = 3 if any(section.heading for section in table.sections) else 1
    longest = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    return [min(size, WIDE) + 3 + (0 if place else margin) for place, size in enumerate(longest)]


def transposed(table: Table) -> Table:
    """The table of one section with its columns as rows: for more columns than rows."""
    (section,) = table.sections
    rows = tuple(
        (Cell(text=column), *(row[place] for row in section.rows))
        for place, column in enumerate(table.columns[1:], start=1)
    )
    names = tuple(row[0].text for row in section.rows)
    return replace(
        table, columns=("", *names), numeric=(False, *[True] * len(names)), sections=(replace(section, rows=rows),)
    )
