"""Conclusions for tests, and a terminal to show them on."""

# ruff: noqa: RUF001  (an alpha is what a reader sees)

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from smoothkit.conclusion import Conclusion, with_runs
from smoothkit.report.figures import CurvesFigure
from smoothkit.report.folder import read_study
from smoothkit.report.table import Cell, Section, Table

CURVES = CurvesFigure(
    title="Gap against alpha",
    x_label="alpha",
    y_label="gap",
    x={"two": (0.0, 0.1, 0.2)},
    y={"two": (0.1, 0.02, -0.06)},
    marks={"the sign flips": 0.125},
)
HOSTILE = "<script>alert(1)</script> & \\input{x} 50% $a_b$ |x| \x1b[31mred\x07\x9b2J **no** end"
LONG = "w" * 300


def table(columns: int = 3, rows: int = 2, cell: str = "-0.0123", title: str = "Gaps") -> Table:
    """A table of two sections, whose cells are alike but for their places."""
    first = Section(heading="first half", rows=tuple(row(place, columns, cell) for place in range(rows // 2)))
    second = Section(heading="second half", rows=tuple(row(place, columns, cell) for place in range(rows // 2, rows)))
    names = ("variant", *(f"column {place}" for place in range(1, columns)))
    return Table(
        title=title,
        columns=names,
        numeric=(False, *[True] * (columns - 1)),
        sections=(first, second),
        notes=("A note of the table.",),
    )


def row(place: int, columns: int, cell: str) -> tuple[Cell, ...]:
    return (Cell(text=f"row {place}"), *(Cell(text=f"{cell}{place}.{column}") for column in range(1, columns)))


CONCLUSION = Conclusion(
    words=("The gap fell from 0.1 to 0.02 at α = 0.1.", "Beyond α = 0.125 the other group is the worse one."),
    tables=(table(),),
    details=(table(title="In detail"),),
    figures={"gap_against_alpha": CURVES},
)


def concluded(directory: Path, conclusion: Conclusion = CONCLUSION, **changes: Any) -> Path:
    """Have the study's summary hold this conclusion, drawn from the results that are there."""
    found = read_study(directory).by_variant().items()
    results = {variant: {run.seed: run.result for run in runs if run.result} for variant, runs in found}
    path = directory / "summary.json"
    summary = json.loads(path.read_text())
    path.write_text(json.dumps({**summary, "conclusion": {**with_runs(conclusion, results), **changes}}))
    return directory


def on_terminal(renderable: Any, width: int = 80) -> list[str]:
    """The lines that a reader sees."""
    console = Console(width=width, color_system=None, file=io.StringIO(), legacy_windows=False)
    with console.capture() as captured:
        console.print(renderable)
    return [line.rstrip() for line in captured.get().splitlines()]
