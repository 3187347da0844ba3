"""What each variant reached: a row per variant, a column per scalar."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smoothkit.report.comparison import BRIEF, Column, comparison_table, judge, reference, scalar_heading
from smoothkit.report.numbers import MISSING, count, decimals, mean_and_spread, number
from smoothkit.report.table import Cell, Section, Strip, Table, Verdict, span

SIGNS: Mapping[Verdict, str] = {"better": "▲", "worse": "▼", "different": "≠"}
"""What stands before a value that was shown to differ from the baseline's, so that no reader needs the colour."""

MOST_SCALARS = 500
"""Scalars that the table of all of them shows: each takes one or two kilobytes of a page, and many groups have tens of
thousands of them."""

MOST_CELLS = 12_000
"""Entries that the table of all scalars has, over all variants: a study of a large grid shows fewer scalars."""

MOST_VALUES_SAID = 12
"""Seeds whose values a strip's description gives one by one; of more, it gives the range."""


def tables(summary: Mapping[str, Any], columns: Sequence[Column] = BRIEF) -> list[Table]:
    """The results of a summary, and the comparisons with the baseline if there are any."""
    comparison = comparison_table(summary, columns)
    return [results_table(summary), *([comparison] if comparison.sections else [])]


def all_scalars(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The summary with every scalar in its headline, or as many as a page can hold: see `scalars_left_out`."""
    return {**summary, "headline": _names(summary)[: _most(summary)]}


def scalars_left_out(summary: Mapping[str, Any]) -> str | None:
    """What a table of `all_scalars` leaves out, and where it is; None if nothing."""
    total, most = len(_names(summary)), _most(summary)
    if total <= most:
        return None
    return (
        f"The first {most} of {total} scalars. All are in each run's result.json, and in the report.csv that "
        "`smoothkit report --format csv` writes."
    )


def _most(summary: Mapping[str, Any]) -> int:
    return min(MOST_SCALARS, max(MOST_CELLS // max(len(summary["variants"]), 1), len(summary["headline"])))


def _names(summary: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for scalars in summary["variants"].values() for name in scalars))


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
    columns = {name: _column(summary, name) for name in names}
    leading = ("variant",) if one_count else ("variant", "seeds")
    rows = tuple(
        (
            Cell(text=variant),
            *([] if one_count else [Cell(text=str(counts[variant]))]),
            *(columns[name][variant] for name in names),
        )
        for variant in variants
    )
    return Table(
        title=_title(counts),
        columns=(*leading, *(scalar_heading(summary, name) for name in names)),
        numeric=(False, *[True] * (len(leading) - 1 + len(names))),
        sections=(Section(rows=rows),),
        notes=(*_meanings(summary, columns.values()), *_left_out(variants, names), *failures(summary)),
    )


def _column(summary: Mapping[str, Any], name: str) -> dict[str, Cell]:
    """One scalar's cells by variant."""
    entries = {variant: scalars[name] for variant, scalars in summary["variants"].items() if name in scalars}
    places = decimals((entry["std"] for entry in entries.values()), (entry["mean"] for entry in entries.values()))
    values = [value for entry in entries.values() for value in entry["values"] if value is not None]
    cells = {}
    for variant in summary["variants"]:
        if (entry := entries.get(variant)) is None:
            cells[variant] = Cell(text=MISSING)
            continue
        comparison = summary["comparisons"].get(variant, {}).get(name)
        verdict = judge(comparison)[0] if comparison else "open"
        sign = SIGNS.get(verdict)
        words = mean_and_spread(entry["mean"], entry["std"], places)
        cells[variant] = Cell(
            text=f"{sign} {words}" if sign else words,
            verdict=verdict if sign else None,
            strip=_strip(entry, span(values), places) if entry["std"] is not None else None,
        )
    return cells


def _strip(entry: Mapping[str, Any], scale: tuple[float, float], places: int) -> Strip:
    """The seeds' values, with their mean."""
    seen = [(seed, value) for seed, value in zip(entry["seeds"], entry["values"], strict=True) if value is not None]
    values = tuple(value for _, value in seen)
    if len(seen) <= MOST_VALUES_SAID:
        words = "; ".join(f"seed {seed}: {number(value, places)}" for seed, value in seen)
    else:
        words = f"{len(seen)} seeds from {number(min(values), places)} to {number(max(values), places)}"
    return Strip(points=values, scale=scale, mark=entry["mean"], description=words)


def _title(counts: Mapping[str, int]) -> str:
    if set(counts.values()) == {1}:
        return "Results of one seed"
    seeds = count(min(counts.values(), default=0), "seed") if len(set(counts.values())) == 1 else "seeds"
    return f"Results: mean ± standard deviation over {seeds}"


def _meanings(summary: Mapping[str, Any], columns: Iterable[Mapping[str, Cell]]) -> Iterable[str]:
    """What the signs in the table mean, if there are any."""
    seen = {cell.verdict for cells in columns for cell in cells.values()}
    words = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items() if verdict in seen)
    if words:
        yield f"Shown against {reference(summary)}: {words}."


def _left_out(variants: Mapping[str, Any], names: Sequence[str]) -> Iterable[str]:
    for variant, scalars in variants.items():
        for name in names:
            if name in scalars and (left_out := scalars[name]["left_out"]):
                total = len(scalars[name]["seeds"])
                yield f"{variant}, {name}: {left_out} of {total} values not finite, left out."


def failures(summary: Mapping[str, Any]) -> Iterable[str]:
    """A line for each run that failed."""
    for failure in summary["failures"]:
        yield f"{failure['variant']}, seed {failure['seed']} failed: {failure['error']}"
