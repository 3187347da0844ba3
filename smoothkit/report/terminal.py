"""Tables and words for a terminal of 80 columns or more; on a narrower one they break, and nothing is cut off."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group
from rich.table import Table as RichTable
from rich.text import Text

from smoothkit.conclusion import Conclusion
from smoothkit.report.comparison import findings, reference
from smoothkit.report.folder import StudyRecord
from smoothkit.report.legibility import printable
from smoothkit.report.results import failures, tables
from smoothkit.report.table import Table, Verdict, in_blocks, within

COLOURS: Mapping[Verdict, str] = {"better": "green", "worse": "red", "different": "cyan", "open": "dim"}

MOST_VARIANTS = 40
"""Variants whose means and differences a terminal shows; of more, they fill screen after screen."""
MOST_LINES = 12
"""Runs without a result that a terminal lists."""


def terminal_table(summary: Mapping[str, Any]) -> Group:
    """All that a summary says, the conclusion last."""
    stored = summary.get("conclusion")
    return Group(_tables(summary), *([TerminalConclusion(Conclusion.from_json(stored))] if stored else []))


def terminal_report(study: StudyRecord) -> Group:
    """The tables of a study, what is missing from them, and the conclusion."""
    missing = map(_plain, _first_few(study.missing()))
    conclusion = [TerminalConclusion(study.conclusion)] if study.conclusion else []
    return Group(_plain(study.title, style="bold"), _tables({**study.summary, "failures": []}), *missing, *conclusion)


class TerminalConclusion:
    """A conclusion's tables, each in blocks that fit the terminal, then its sentences, which are the last on it."""

    def __init__(self, conclusion: Conclusion):
        self.conclusion = conclusion

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RichTable | Text]:
        """The parts, for the width that there is."""
        for table in self.conclusion.tables:
            for block in within(table, options.max_width):
                yield from _with_notes(block)
        if self.conclusion.words:
            yield Text("\nConclusion", style="bold")
            listed = RichTable.grid(padding=(0, 1))
            listed.add_column(no_wrap=True)
            listed.add_column(overflow="fold")
            for words in self.conclusion.words:
                listed.add_row("\N{BULLET}", _plain(" ".join(words.split())))
            yield listed


def _tables(summary: Mapping[str, Any]) -> Group:
    """Results and comparisons, or of many variants what they come to; scalars stand in blocks below each other."""
    if len(summary["variants"]) > MOST_VARIANTS:
        return Group(*map(_plain, (*_in_short(summary), *_first_few(list(failures(summary))))))
    results, *comparison = tables(summary)
    blocks = in_blocks(results, keep=len(results.columns) - len(summary["headline"]))
    return Group(*(part for table in (*blocks, *comparison) for part in _with_notes(table)))


def _in_short(summary: Mapping[str, Any]) -> Iterator[str]:
    """What comparisons show, by the number of variants, and where everything stands."""
    yield f"{len(summary['variants'])} variants: means and differences are in the pages that `smoothkit report` writes."
    if lines := findings(summary):
        yield f"Against {reference(summary)}:"
        yield from (f"  {line}" for line in lines)


def _first_few(lines: Sequence[str]) -> list[str]:
    """The lines, or the first of many with the number of the others."""
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"… and {more} more, which the pages list"] if more > 1 else list(lines)


def _with_notes(table: Table) -> list[RichTable | Text]:
    # Notes stand below: as a caption they would break at the width of the table, which may be narrow.
    return [to_rich(table), *map(_plain, table.notes)]


def to_rich(table: Table) -> RichTable:
    """The table for a terminal, without its notes; where it is too wide, cells break and nothing is cut off."""
    rich_table = RichTable(
        title=_plain(table.title) if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column, numeric in zip(table.columns, table.numeric, strict=True):
        rich_table.add_column(_plain(column), justify="right" if numeric else "left", overflow="fold")
    for section in table.sections:
        if section.heading:
            rich_table.add_row(_plain(section.heading, style="bold"))
        indent = "  " if section.heading else ""
        for first, *others in section.rows:
            cells = (_plain(cell.text, style=COLOURS[cell.verdict] if cell.verdict else "") for cell in others)
            rich_table.add_row(_plain(indent + first.text), *cells)
        rich_table.add_section()
    return rich_table


def _plain(words: str, style: str = "") -> Text:
    """Words as they are: markup in them is none, and nothing in them moves the cursor."""
    return Text(printable(words), style=style)
