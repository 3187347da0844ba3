"""Tables of a study: what each variant reached, and what can be said of it against the baseline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from smoothkit.report.numbers import MISSING, decimals, mean_and_spread, number

Verdict = Literal["better", "worse", "different", "open"]
"""What an interval says: all of it lies on one side of 0 (`different` where neither side is better), or nothing."""

COLOURS: Mapping[Verdict, str] = {"better": "green", "worse": "red", "different": "cyan", "open": "dim"}
ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One entry: its text says everything; the verdict only colours it."""

    text: str
    verdict: Verdict | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as data, for any renderer."""

    title: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    """Which columns are aligned to the right."""
    sections: tuple[tuple[tuple[Cell, ...], ...], ...]
    """Groups of rows, set apart from each other."""
    notes: tuple[str, ...] = ()


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """The results of a summary, and the comparisons with the baseline if there are any."""
    comparison = comparison_table(summary)
    return [results_table(summary), *([comparison] if comparison.sections else [])]


def results_table(summary: Mapping[str, Any]) -> Table:
    """Mean ± standard deviation over seeds: a row per variant, a column per headline scalar.

    Decimals are one choice per column, so that rows compare at a glance.
    """
    names, variants = summary["headline"], summary["variants"]
    counts = {
        variant: max((len(entry["seeds"]) for entry in scalars.values()), default=0)
        for variant, scalars in variants.items()
    }
    one_count = len(set(counts.values())) == 1
    places = {name: _places(scalars.get(name) for scalars in variants.values()) for name in names}
    rows = []
    for variant, scalars in variants.items():
        cells = [Cell(text=variant)] if one_count else [Cell(text=variant), Cell(text=str(counts[variant]))]
        for name in names:
            entry = scalars.get(name)
            text = mean_and_spread(entry["mean"], entry["std"], places[name]) if entry else MISSING
            cells.append(Cell(text=text))
        rows.append(tuple(cells))
    leading = ("variant",) if one_count else ("variant", "seeds")
    return Table(
        title=_results_title(counts),
        columns=(*leading, *(_heading(summary, name) for name in names)),
        numeric=(False, *[True] * (len(leading) - 1 + len(names))),
        sections=(tuple(rows),),
        notes=(*_left_out(variants, names), *_failures(summary)),
    )


def comparison_table(summary: Mapping[str, Any]) -> Table:
    """Paired difference from the baseline with its interval and a verdict: a section per headline scalar."""
    comparisons = summary["comparisons"]
    sections = []
    for name in summary["headline"]:
        entries = {variant: scalars[name] for variant, scalars in comparisons.items() if name in scalars}
        places = decimals(
            (_half_width(entry["ci95"]) for entry in entries.values()),
            (entry["difference"] for entry in entries.values()),
        )
        rows = [_comparison_row(variant, entry, places) for variant, entry in entries.items()]
        # The scalar is named once, on the first row of its section.
        headings = [_heading(summary, name), *[""] * len(rows)]
        if rows:
            sections.append(tuple((Cell(text=text), *row) for text, row in zip(headings, rows, strict=False)))
    intervals = any(entry["ci95"] for scalars in comparisons.values() for entry in scalars.values())
    return Table(
        title=f"Difference from “{summary['baseline']}”, paired by seed",
        columns=("scalar", "variant", "difference", "95 % interval", "verdict", "pairs"),
        numeric=(False, False, True, True, False, True),
        sections=tuple(sections),
        notes=(
            "Intervals: Student's t over seeds, each on its own, not corrected for the number of comparisons."
            if intervals
            else "An interval takes at least two seeds that both variants finished: run more with --seeds.",
        ),
    )


def _comparison_row(variant: str, entry: Mapping[str, Any], places: int) -> tuple[Cell, ...]:
    verdict, words = judge(entry)
    interval = MISSING
    if entry["ci95"]:
        low, high = (number(bound, places, signed=True) for bound in entry["ci95"])
        interval = f"[{low}, {high}]"
    return (
        Cell(text=variant),
        Cell(text=number(entry["difference"], places, signed=True), verdict=verdict),
        Cell(text=interval, verdict=verdict),
        Cell(text=words, verdict=verdict),
        Cell(text=str(len(entry["seeds"]))),
    )


def judge(comparison: Mapping[str, Any]) -> tuple[Verdict, str]:
    """What a comparison shows, as a verdict and in words. An interval that holds 0 shows no difference.

    >>> judge({"ci95": [-0.1, 0.2], "better": "higher"})
    ('open', 'no difference shown')
    >>> judge({"ci95": [0.1, 0.2], "better": "lower"})
    ('worse', '▼ worse')
    """
    interval, better = comparison["ci95"], comparison["better"]
    if interval is None:
        return "open", "no interval"
    low, high = interval
    if low <= 0 <= high:
        return "open", "no difference shown"
    direction = "higher" if low > 0 else "lower"
    if better is None:
        return "different", direction
    return ("better", "▲ better") if direction == better else ("worse", "▼ worse")


def _places(entries: Iterable[Mapping[str, Any] | None]) -> int:
    present = [entry for entry in entries if entry]
    return decimals((entry["std"] for entry in present), (entry["mean"] for entry in present))


def _half_width(interval: Sequence[float] | None) -> float | None:
    return (interval[1] - interval[0]) / 2 if interval else None


def _heading(summary: Mapping[str, Any], name: str) -> str:
    """The scalar's name in words, so that a narrow column can break it, and the direction that is better."""
    return name.replace("_", " ") + ARROWS[summary["better"].get(name)]


def _results_title(counts: Mapping[str, int]) -> str:
    if set(counts.values()) == {1}:
        return "Results of one seed"
    number_of_seeds = f"{min(counts.values())} seeds" if len(set(counts.values())) == 1 else "seeds"
    return f"Results: mean ± standard deviation over {number_of_seeds}"


def _left_out(variants: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return [
        f"{variant}, {name}: {scalars[name]['left_out']} of {len(scalars[name]['seeds'])} values not finite, left out."
        for variant, scalars in variants.items()
        for name in names
        if name in scalars and scalars[name]["left_out"]
    ]


def _failures(summary: Mapping[str, Any]) -> list[str]:
    return [
        f"{failure['variant']}, seed {failure['seed']} failed: {failure['error']}" for failure in summary["failures"]
    ]


# --- Renderers -------------------------------------------------------------------------------------------------------


def terminal_table(summary: Mapping[str, Any]) -> Group:
    """All that a summary says, for a terminal of 80 columns or more."""
    return Group(*(to_rich(table) for table in tables(summary)))


def to_rich(table: Table) -> RichTable:
    """The table for a terminal; where columns are many, cells break into lines and nothing is cut off."""
    caption = Text("\n".join(table.notes)) if table.notes else None
    rich_table = RichTable(
        title=Text(table.title), title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE_HEAD
    )
    for column, numeric in zip(table.columns, table.numeric, strict=True):
        rich_table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for section in table.sections:
        for row in section:
            rich_table.add_row(*(Text(cell.text, style=COLOURS[cell.verdict] if cell.verdict else "") for cell in row))
        rich_table.add_section()
    return rich_table


def to_markdown(table: Table) -> str:
    """The table as GitHub-flavoured Markdown, under a heading of its title."""
    rule = " | ".join("---:" if numeric else "---" for numeric in table.numeric)
    rows = [_line([cell.text for cell in row]) for section in table.sections for row in section]
    notes = ["", *(f"- {markdown_text(note)}" for note in table.notes)] if table.notes else []
    return "\n".join([f"### {markdown_text(table.title)}", "", _line(table.columns), f"| {rule} |", *rows, *notes, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def markdown_text(text: str) -> str:
    """`text` on one line, with the characters escaped that Markdown or HTML in it would take for markup.

    >>> print(markdown_text("a|b <i>"))
    a\\|b &lt;i&gt;
    """
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    plain = plain.replace(">", "&gt;")
    for character in "`*_|[]":
        plain = plain.replace(character, f"\\{character}")
    return plain
