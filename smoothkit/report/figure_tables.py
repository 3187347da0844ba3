"""The numbers of a figure as a table, for those who want them rather than the picture."""

from collections.abc import Iterable

from smoothkit.report.describe import say
from smoothkit.report.figures import Figure, GroupReliabilityFigure, IntervalsFigure, ReliabilityFigure
from smoothkit.report.table import Cell, Section, Table


def figure_table(figure: Figure, caption: str) -> Table | None:
    """The table of a figure; None for kinds whose pictures already write their numbers, or hold too many of them."""
    title = f"{figure.title}, {caption}" if caption else figure.title
    match figure:
        case ReliabilityFigure():
            return _reliability(title, {"": figure})
        case GroupReliabilityFigure():
            return _reliability(title, figure.groups)
        case IntervalsFigure():
            columns = ("", "estimate", "low", "high", "rows")
            values = zip(figure.names, figure.estimates, figure.low, figure.high, figure.counts, strict=True)
            rows = ((name, say(e), say(low), say(high), str(count)) for name, e, low, high, count in values)
            return _table(title, columns, [Section(rows=_rows(rows))])
    return None


def _reliability(title: str, groups: dict[str, ReliabilityFigure]) -> Table:
    columns = ("bin", "samples", "confidence", "accuracy", "low", "high")
    return _table(title, columns, [Section(heading=name, rows=_rows(_bins(group))) for name, group in groups.items()])


def _bins(figure: ReliabilityFigure) -> Iterable[tuple[str, ...]]:
    nothing = (None,) * len(figure.counts)
    values = zip(figure.confidence, figure.accuracy, figure.low or nothing, figure.high or nothing, strict=True)
    edges = zip(figure.edges[:-1], figure.edges[1:], strict=True)
    for (left, right), count, numbers in zip(edges, figure.counts, values, strict=True):
        shown = [say(number) if number is not None else "\N{EN DASH}" for number in numbers]
        yield (f"{left:.3f} to {right:.3f}", str(count), *shown)


def _rows(rows: Iterable[tuple[str, ...]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(text=words) for words in row) for row in rows)


def _table(title: str, columns: tuple[str, ...], sections: list[Section]) -> Table:
    return Table(title=title, columns=columns, numeric=(False, *[True] * (len(columns) - 1)), sections=tuple(sections))
