"""Tables of a study: what each variant reached, and what can be said of it against the baseline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from smoothkit.report.numbers import MISSING, decimals, mean_and_spread, number

Verdict = Literal["better", "worse", "different", "open"]
"""What an interval says: all of it lies on one side of 0 (`different` where neither side is better), or nothing."""

COLOURS: Mapping[Verdict, str] = {"better": "green", "worse": "red", "different": "cyan", "open": "dim"}
BLOCK = 3
"""Columns of `mean ± standard deviation` that stand beside each other on a terminal of 80 columns."""
ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One entry: its text says everything; the verdict only colours it."""

    text: str
    verdict: Verdict | None = None


Row = tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that belong together, under a heading of their own unless it is empty."""

    rows: tuple[Row, ...]
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as data, for any renderer."""

    title: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    """Which columns are aligned to the right."""
    sections: tuple[Section, ...]
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
        sections=(Section(rows=tuple(rows)),),
        notes=(*_left_out(variants, names), *_failures(summary)),
    )


def comparison_table(summary: Mapping[str, Any]) -> Table:
    """Paired difference from the baseline with its interval and a verdict: a section per headline scalar."""
    comparisons = summary["comparisons"]
    entries = {
        name: {variant: scalars[name] for variant, scalars in comparisons.items() if name in scalars}
        for name in summary["headline"]
    }
    everything = [entry for by_variant in entries.values() for entry in by_variant.values()]
    counts = {len(entry["seeds"]) for entry in everything}
    pairs = "paired by seed" if len(counts) > 1 else f"paired by seed, {_count(max(counts, default=0), 'pair')}"
    columns = ("variant", "difference", "95 % interval", "verdict")
    return Table(
        title=f"Difference from “{summary['baseline']}”, {pairs}",
        columns=columns if len(counts) < 2 else (*columns, "pairs"),
        numeric=(False, True, True, False) if len(counts) < 2 else (False, True, True, False, True),
        sections=tuple(
            Section(heading=_heading(summary, name), rows=_comparison_rows(by_variant, show_pairs=len(counts) > 1))
            for name, by_variant in entries.items()
            if by_variant
        ),
        notes=(
            "Intervals: Student's t over seeds, each on its own, not corrected for the number of comparisons."
            if any(entry["ci95"] for entry in everything)
            else "An interval takes at least two seeds that both variants finished: run more with --seeds.",
        ),
    )


def _comparison_rows(by_variant: Mapping[str, Mapping[str, Any]], *, show_pairs: bool) -> tuple[Row, ...]:
    places = decimals(
        (_half_width(entry["ci95"]) for entry in by_variant.values()),
        (entry["difference"] for entry in by_variant.values()),
    )
    rows = []
    for variant, entry in by_variant.items():
        verdict, words = judge(entry)
        bounds = ", ".join(number(bound, places, signed=True) for bound in entry["ci95"] or ())
        texts = (number(entry["difference"], places, signed=True), f"[{bounds}]" if bounds else MISSING, words)
        pairs = [Cell(text=str(len(entry["seeds"])))] if show_pairs else []
        rows.append((Cell(text=variant), *(Cell(text=text, verdict=verdict) for text in texts), *pairs))
    return tuple(rows)


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
    if low == high:
        # As many equal differences as there are seeds: with few of them that happens by chance, above all where a
        # scalar takes few values.
        return "open", "no spread: more seeds"
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
    seeds = _count(min(counts.values()), "seed") if len(set(counts.values())) == 1 else "seeds"
    return f"Results: mean ± standard deviation over {seeds}"


def _count(quantity: int, noun: str) -> str:
    return f"{quantity} {noun}" if quantity == 1 else f"{quantity} {noun}s"


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
    """All that a summary says, for a terminal of 80 columns or more: many scalars stand in blocks below each other."""
    results, *comparison = tables(summary)
    blocks = in_blocks(results, keep=len(results.columns) - len(summary["headline"]))
    parts: list[RichTable | Text] = []
    for table in (*blocks, *comparison):
        # Notes stand below: as a caption they would break at the width of the table, which may be narrow.
        parts += [to_rich(table), *(Text(note) for note in table.notes)]
    return Group(*parts)


def in_blocks(table: Table, keep: int) -> list[Table]:
    """The table cut into blocks of at most three columns, each after the first `keep` columns."""
    starts = range(keep, len(table.columns), BLOCK) or [keep]

    def cut(row: tuple[Any, ...], start: int) -> tuple[Any, ...]:
        return (*row[:keep], *row[start : start + BLOCK])

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


def to_markdown(table: Table) -> str:
    """The table as GitHub-flavoured Markdown, under a heading of its title."""
    rule = " | ".join("---:" if numeric else "---" for numeric in table.numeric)
    rows = []
    for section in table.sections:
        if section.heading:
            rows.append(f"| **{markdown_text(section.heading)}** {'| ' * len(table.columns)}".rstrip())
        rows += [_line([cell.text for cell in row]) for row in section.rows]
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
