"""How far a scalar may be off because the test part is what it is: intervals for other test rows, with one model."""

from collections.abc import Collection

from smoothkit.report.comparison import scalar_heading
from smoothkit.report.folder import StudyRecord
from smoothkit.report.numbers import MISSING, decimals, number
from smoothkit.report.table import Cell, Section, Table
from smoothkit.scenario import Result


def row_intervals_table(study: StudyRecord, scalars: Collection[str]) -> Table | None:
    """A row per scalar of `scalars`, a column per variant, each of the first seed that has a result.

    None if no scalar has intervals.
    """
    first = {
        f"{variant}, seed {run.seed}": run.result
        for variant, runs in study.by_variant().items()
        for run in [next((run for run in runs if run.result), None)]
        if run and run.result
    }
    stored = {name for result in first.values() for name in result.intervals}
    names = [name for name in scalars if name in stored]
    if not names:
        return None
    rows = tuple(
        (Cell(text=scalar_heading(study.summary, name)), *_cells(name, list(first.values()))) for name in names
    )
    return Table(
        title="95 % intervals for other test rows, each of one model",
        columns=("", *first),
        numeric=(False, *[True] * len(first)),
        sections=(Section(rows=rows),),
    )


def _cells(name: str, results: list[Result]) -> list[Cell]:
    stored = [result.intervals.get(name) for result in results]
    bounds = [pair if pair and None not in pair else None for pair in stored]
    places = decimals([(pair[1] - pair[0]) / 2 for pair in bounds if pair], [pair[0] for pair in bounds if pair])
    texts = (f"[{number(pair[0], places)}, {number(pair[1], places)}]" if pair else MISSING for pair in bounds)
    return [Cell(text=text) for text in texts]
