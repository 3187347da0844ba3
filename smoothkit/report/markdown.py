"""Tables and findings as GitHub-flavoured Markdown."""

from collections.abc import Sequence

from smoothkit.conclusion import Conclusion
from smoothkit.report.comparison import USUAL, findings
from smoothkit.report.folder import StudyRecord
from smoothkit.report.legibility import printable
from smoothkit.report.results import tables
from smoothkit.report.table import Table


def markdown_page(studies: Sequence[StudyRecord]) -> str:
    """What is missing, the conclusion, findings, tables, and the environment; pictures are in the HTML file."""
    parts = []
    for study in studies:
        parts += [f"# {markdown_text(study.title)}", ""]
        parts += _list("Runs without a result, and what could not be read:", study.missing())
        parts += [markdown_conclusion(study.conclusion)] if study.conclusion else []
        parts += _list("", findings(study.summary))
        parts += [to_markdown(table) for table in tables({**study.summary, "failures": []}, USUAL)]
        environment = [f"{key}: {value}" for key, value in study.summary["environment"].items() if value is not None]
        parts += _list("### Environment", environment)
    return "\n".join(parts)


def markdown_conclusion(conclusion: Conclusion) -> str:
    """The sentences as a list, then the tables."""
    found = map(to_markdown, (*conclusion.tables, *conclusion.details))
    return "\n".join([*_list("### Conclusion", conclusion.words), *found])


def _list(heading: str, lines: Sequence[str]) -> list[str]:
    head = [heading, ""] if heading else []
    return [*head, *(f"- {markdown_text(line)}" for line in lines), ""] if lines else []


def to_markdown(table: Table) -> str:
    """The table under a heading of its title."""
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
    plain = " ".join(printable(text).split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    plain = plain.replace(">", "&gt;")
    for character in "`*_|[]":
        plain = plain.replace(character, f"\\{character}")
    return plain
