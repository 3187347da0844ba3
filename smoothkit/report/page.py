"""The report: one HTML file that needs no other, with a study's tables and pictures, and its Markdown form."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from smoothkit.errors import OutputError
from smoothkit.files import write_text
from smoothkit.report.folder import StudyRecord, read_study
from smoothkit.report.learning import bands, draw_bands
from smoothkit.report.pictures import data_uri, draw
from smoothkit.report.table import Table, markdown_text, tables, to_markdown


def write_report(directories: Sequence[Path], output: Path | None = None) -> Path:
    """Write `report.html` and `report.md` about the studies in `directories` to the folder `output`.

    Without `output`, they go to the first study's folder. Studies may be unfinished; the report says what is missing.
    Returns the path of the HTML file.

    Raises:
        OutputError: a folder holds no study, a file in it is damaged, or the report cannot be written.
    """
    studies = [read_study(directory) for directory in directories]
    folder = directories[0] if output is None else output
    page = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(page, html_page(studies))
        write_text(folder / "report.md", markdown_page(studies))
    except OSError as error:
        raise OutputError(
            f"{folder}: the report cannot be written: {error}; name another folder by --output"
        ) from error
    return page


def missing_runs(study: StudyRecord) -> list[str]:
    """One line per run that was asked for and has no result."""
    failures = study.summary["failures"]
    return [
        *(f"{failure['variant']}, seed {failure['seed']}: failed: {failure['error']}" for failure in failures),
        *(f"{variant}, seed {seed}: not finished" for variant, seed in study.pending),
    ]


def all_scalars(summary: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The summary with every scalar in its headline; None if they are there already."""
    names = list(dict.fromkeys(name for scalars in summary["variants"].values() for name in scalars))
    return {**summary, "headline": names} if set(names) - set(summary["headline"]) else None


# --- HTML ------------------------------------------------------------------------------------------------------------


def html_page(studies: Sequence[StudyRecord]) -> str:
    """The whole page. Text that comes from files is escaped, and the page's policy forbids scripts and requests."""
    title = " · ".join(study.title for study in studies)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/>
<title>{text(title)}</title>
<style>{CSS}</style>
</head>
<body>
<main>
{"".join(_study(study) for study in studies)}</main>
</body>
</html>
"""


def text(value: Any) -> str:
    """`value` as HTML text; control characters, such as colours of a terminal, are dropped."""
    return escape(re.sub(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", str(value)))


def _study(study: StudyRecord) -> str:
    # Failed runs stand with the others that are missing, so the tables need not name them again.
    summary = {**study.summary, "failures": []}
    more = all_scalars(summary)
    return "".join(
        [
            f"<section>\n<h1>{text(study.title)}</h1>\n",
            f"<p class='quiet'>Scenario {text(summary['scenario'])}, in {text(study.directory.resolve())}</p>\n",
            _missing(study),
            *(_table(table) for table in tables(summary)),
            _details("All scalars", "".join(_table(table) for table in tables(more))) if more else "",
            _figures(study),
            _curves(study),
            _configurations(study),
            _environment(summary["environment"]),
            "</section>\n",
        ]
    )


def _missing(study: StudyRecord) -> str:
    lines = missing_runs(study)
    items = "".join(f"<li>{text(line)}</li>\n" for line in lines)
    return f"<div class='notice'><p>Runs without a result:</p>\n<ul>\n{items}</ul></div>\n" if lines else ""


def _table(table: Table) -> str:
    sides = ["right" if numeric else "left" for numeric in table.numeric]
    head = "".join(f"<th class='{side}'>{text(column)}</th>" for side, column in zip(sides, table.columns, strict=True))
    bodies = []
    for section in table.sections:
        rows = [
            "".join(
                f"<td class='{side} {cell.verdict or ''}'>{text(cell.text)}</td>"
                for side, cell in zip(sides, row, strict=True)
            )
            for row in section.rows
        ]
        if section.heading:
            rows.insert(0, f"<th class='section' colspan='{len(sides)}'>{text(section.heading)}</th>")
        bodies.append("<tbody>\n" + "".join(f"<tr>{row}</tr>\n" for row in rows) + "</tbody>\n")
    notes = "".join(f"<p class='quiet'>{text(note)}</p>\n" for note in table.notes)
    return (
        f"<h2>{text(table.title)}</h2>\n<div class='scroll'><table>\n<thead><tr>{head}</tr></thead>\n"
        f"{''.join(bodies)}</table></div>\n{notes}"
    )


def _figures(study: StudyRecord) -> str:
    """A row per figure, with the pictures of all variants side by side, each of the first seed that has a result."""
    first = {
        variant: finished[0]
        for variant, runs in study.by_variant().items()
        if (finished := [run for run in runs if run.result])
    }
    results = {variant: run.result for variant, run in first.items() if run.result}
    names = dict.fromkeys(name for result in results.values() for name in result.figures)
    rows = []
    for name in names:
        pictures = [
            _picture(data_uri(draw(figure)), f"{variant}, seed {first[variant].seed}", figure.title)
            for variant, result in results.items()
            if (figure := result.figures.get(name))
        ]
        rows.append(f"<h2>{text(name.replace('_', ' ').capitalize())}</h2>\n{_row(pictures)}")
    return "".join(rows)


def _curves(study: StudyRecord) -> str:
    found = bands({variant: [run.rows for run in runs] for variant, runs in study.by_variant().items()})
    if not found:
        return ""
    pictures = [_picture(data_uri(draw_bands(tag, by_variant)), "", tag) for tag, by_variant in found.items()]
    return f"<h2>Learning curves: mean and range over seeds</h2>\n{_row(pictures)}"


def _row(pictures: Iterable[str]) -> str:
    return f"<div class='row'>\n{''.join(pictures)}</div>\n"


def _picture(uri: str, caption: str, alternative: str) -> str:
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return f"<figure><img src='{uri}' alt='{text(alternative)}'/>{below}</figure>\n"


def _configurations(study: StudyRecord) -> str:
    parts = [
        _details(f"{variant}, seed {runs[0].seed}", f"<pre>{text(runs[0].config)}</pre>")
        for variant, runs in study.by_variant().items()
    ]
    return f"<h2>Resolved configurations</h2>\n{''.join(parts)}" if parts else ""


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{text(summary)}</summary>\n{content}</details>\n"


def _environment(environment: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{text(key)}</dt><dd>{text(value)}</dd>\n" for key, value in _known(environment))
    return f"<h2>Environment</h2>\n<dl>\n{rows}</dl>\n" if rows else ""


def _known(environment: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in environment.items() if value is not None]


CSS = """
:root { color-scheme: light dark; --ink: #1c1e21; --quiet: #5c6370; --paper: #ffffff; --rule: #d8dbe0; --soft: #f4f5f7;
  --better: #14733a; --worse: #b3261e; --different: #155e9e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e7ea; --quiet: #a2a8b3; --paper: #16181c; --rule: #3a3f47;
  --soft: #212429; --better: #63d08d; --worse: #ff8f85; --different: #7fbcf5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 88rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
section + section { border-top: 2px solid var(--rule); margin-top: 3rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1.2rem 0 .2rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
.quiet { color: var(--quiet); font-size: .9rem; margin: .3rem 0; overflow-wrap: anywhere; }
.notice { border-left: 4px solid var(--worse); background: var(--soft); padding: .6rem 1rem; margin: 1rem 0;
  overflow-wrap: anywhere; }
.notice p, .notice ul { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem; }
th, td { padding: .25rem .9rem .25rem 0; white-space: nowrap; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; vertical-align: bottom; }
.section { text-align: left; font-weight: 600; padding-top: .6rem; }
tr:has(.section) ~ tr td:first-child { padding-left: 1rem; }
tbody tr:last-child td { border-bottom: 1px solid var(--rule); }
.left { text-align: left; }
.right { text-align: right; }
.better { color: var(--better); }
.worse { color: var(--worse); }
.different { color: var(--different); }
.open { color: var(--quiet); }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: #ffffff; color: #1c1e21; border: 1px solid var(--rule); border-radius: 6px;
  padding: .5rem; text-align: center; }
figure img { max-width: 100%; height: auto; }
figcaption { font-size: .9rem; }
details { margin: .4rem 0; }
summary { cursor: pointer; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
"""


# --- Markdown --------------------------------------------------------------------------------------------------------


def markdown_page(studies: Sequence[StudyRecord]) -> str:
    """Tables, missing runs and environment; pictures are in the HTML file."""
    parts = []
    for study in studies:
        missing = missing_runs(study)
        parts += [f"# {markdown_text(study.title)}", ""]
        parts += (
            ["Runs without a result:", "", *(f"- {markdown_text(line)}" for line in missing), ""] if missing else []
        )
        parts += [to_markdown(table) for table in tables({**study.summary, "failures": []})]
        known = _known(study.summary["environment"])
        lines = [f"- {markdown_text(key)}: {markdown_text(str(value))}" for key, value in known]
        parts += ["### Environment", "", *lines, ""] if lines else []
    return "\n".join(parts)
