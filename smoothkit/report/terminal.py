"""Tables for a terminal of 80 columns or more."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from smoothkit.report.folder import StudyRecord
from smoothkit.report.results import tables
from smoothkit.report.table import Table, Verdict, in_blocks

COLOURS: Mapping[Verdict, str] = {"better": "green", "worse": "red", "different": "cyan", "open": "dim"}


def terminal_table(summary: Mapping[str, Any]) -> Group:
    """All that a summary says; many scalars stand in blocks below each other."""
    results, *comparison = tables(summary)
    blocks = in_blocks(results, keep=len(results.columns) - len(summary["headline"]))
    parts: list[RichTable | Text] = []
    for table in (*blocks, *comparison):
        # Notes stand below: as a caption they would break at the width of the table, which may be narrow.
        parts += [to_rich(table), *(Text(note) for note in table.notes)]
    return Group(*parts)


def terminal_report(study: StudyRecord) -> Group:
    """The tables of a study, then what is missing from them."""
    table = terminal_table({**study.summary, "failures": []})
    return Group(Text(study.title, style="bold"), table, *map(Text, study.missing()))


def to_rich(table: Table) -> RichTable:
    """The table for a terminal, without its notes; where it is too wide, cells break and nothing is cut off."""
    rich_table = RichTable(
        title=Text(table.title) if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column, numeric in zip(table.columns, table.numeric, strict=True):
        rich_table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for section in table.sections:
        if section.heading:
            rich_table.add_row(Text(section.heading, style="bold"))
        indent = "  " if section.heading else ""
        for first, *others in section.rows:
            cells = (Text(cell.text, style=COLOURS[cell.verdict] if cell.verdict else "") for cell in others)
            rich_table.add_row(Text(indent + first.text), *cells)
        rich_table.add_section()
    return rich_table
