"""One study as parts of a page."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smoothkit.report.comparison import FULL, USUAL, comparison_table, findings
from smoothkit.report.folder import StudyRecord
from smoothkit.report.html.figures import details, html_figures, study_figures
from smoothkit.report.html.tables import html_table
from smoothkit.report.learning import learning_curves
from smoothkit.report.numbers import count
from smoothkit.report.results import all_scalars, results_table, scalars_left_out
from smoothkit.report.row_intervals import row_intervals_table
from smoothkit.report.svg.canvas import CURVES, text
from smoothkit.report.table import Table, transposed

MOST_LINES = 12
"""Runs without a result that are listed openly; of more, the rest is folded away."""
MOST_ROWS = 60
"""Rows of a table that stand open; more are folded away."""


class Part(NamedTuple):
    """What stands under one heading, and in the list of contents."""

    identifier: str
    title: str
    content: str


def study_parts(study: StudyRecord, prefix: str, level: int) -> list[Part]:
    """The parts of a study, those that have something to show; headings within them are of `level`."""
    # Pairs, as the names of figures are anybody's: one may be called like another part.
    found = [
        ("Not in this report", _missing(study)),
        ("Conclusion", _conclusion(study, prefix, level)),
        ("Results", _results(study)),
        ("Differences", _differences(study)),
        ("All scalars", _all_scalars(study)),
        *((_title(name), content) for name, content in _figures(study, prefix)),
        ("Learning curves", _learning(study, prefix, level)),
        ("Configurations", _configurations(study)),
        ("Environment", _environment(study)),
    ]
    shown = [(title, content) for title, content in found if content]
    return [Part(f"{prefix}-{place}", title, content) for place, (title, content) in enumerate(shown)]


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _missing(study: StudyRecord) -> str:
    lines = study.missing()
    if not lines:
        return ""
    rest = details(f"{len(lines) - MOST_LINES} more", _list(lines[MOST_LINES:])) if len(lines) > MOST_LINES else ""
    words = "<p>Runs without a result, and what could not be read:</p>\n"
    return f'<div class="notice">{words}{_list(lines[:MOST_LINES])}{rest}</div>\n'


def _list(lines: Sequence[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{text(line)}</li>\n" for line in lines) + "</ul>\n"


def _conclusion(study: StudyRecord, prefix: str, level: int) -> str:
    """Its sentences, then the tables, then the figures."""
    if study.conclusion is None:
        return ""
    words = _list(study.conclusion.words) if study.conclusion.words else ""
    figures = "".join(
        f"<h{level}>{text(figure.title or _title(name))}</h{level}>\n"
        f"{html_figures({'': figure}, f'{prefix}-conclusion-{place}')}"
        for place, (name, figure) in enumerate(study.conclusion.figures.items())
    )
    return words + "".join(map(_folded, (*study.conclusion.tables, *study.conclusion.details))) + figures


def _folded(table: Table) -> str:
    """The table, folded away under its title if it is long."""
    rows = sum(len(section.rows) for section in table.sections)
    return details(f"{table.title}: {rows} rows", html_table(table)) if rows > MOST_ROWS else html_table(table)


def _results(study: StudyRecord) -> str:
    # Failed runs stand with the others that are missing, so the table need not name them again.
    return _folded(results_table({**study.summary, "failures": []}))


def _differences(study: StudyRecord) -> str:
    table = comparison_table(study.summary, USUAL)
    rows = sum(len(section.rows) for section in table.sections)
    if not rows:
        return ""
    full = html_table(table)
    return _list(findings(study.summary)) + (details(f"All {rows} differences", full) if rows > MOST_ROWS else full)


def _all_scalars(study: StudyRecord) -> str:
    summary = all_scalars({**study.summary, "failures": []})
    comparison = comparison_table(summary, FULL)
    content = html_table(transposed(results_table(summary)))
    intervals = row_intervals_table(study, summary["headline"])
    content += html_table(intervals) if intervals else ""
    name = count(len(summary["headline"]), "scalar")
    if left_out := scalars_left_out(study.summary):
        name, content = f"The first {name}", f"<p>{text(left_out)}</p>\n{content}"
    if not comparison.sections:
        return details(name, content)
    return details(f"{name}, with p-values and bootstrap intervals", content + html_table(comparison))


def _figures(study: StudyRecord, prefix: str) -> Iterator[tuple[str, str]]:
    for place, (name, figures) in enumerate(study_figures(study).items()):
        yield name, html_figures(figures, f"{prefix}-figure-{place}")


def _learning(study: StudyRecord, prefix: str, level: int) -> str:
    """All tags beside each other under one key; or, with more variants than colours, a row of pictures for each tag."""
    found = learning_curves({variant: [run.curves for run in runs] for variant, runs in study.by_variant().items()})
    if not found:
        return ""
    variants = study.by_variant()
    note = '<p class="quiet">Mean over seeds; the shade is the range they span.</p>\n'
    if len(variants) <= CURVES and all(len(figure.y) == len(variants) for figure in found.values()):
        return note + html_figures(found, f"{prefix}-curves")
    return note + "".join(
        f"<h{level}>{text(tag)}</h{level}>\n{html_figures({'': figure}, f'{prefix}-curves-{place}')}"
        for place, (tag, figure) in enumerate(found.items())
    )


def _configurations(study: StudyRecord) -> str:
    firsts = [runs[0] for runs in study.by_variant().values() if runs[0].config]
    return "".join(details(f"{run.variant}, seed {run.seed}", f"<pre>{text(run.config)}</pre>\n") for run in firsts)


def _environment(study: StudyRecord) -> str:
    known = [(key, value) for key, value in study.summary["environment"].items() if value is not None]
    rows = "".join(f"<dt>{text(key)}</dt><dd>{text(value)}</dd>\n" for key, value in known)
    return f"<dl>\n{rows}</dl>\n" if rows else ""
