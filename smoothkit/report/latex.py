"""Tables for a paper: LaTeX with the packages booktabs and nothing else."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from smoothkit.conclusion import Conclusion
from smoothkit.report.comparison import PAPER
from smoothkit.report.folder import StudyRecord
from smoothkit.report.legibility import printable
from smoothkit.report.results import tables
from smoothkit.report.table import WIDE, Cell, Section, Table, in_blocks, within

PREAMBLE = "% Needs \\usepackage{booktabs}. Bold: shown to be better than the baseline; nothing else is.\n"

SPECIAL = {
    "\\": "\\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "''",
    "`": "\\textasciigrave{}",
    "[": "{[}",  # at the start of a row it would be taken for the argument of the \\ before it
    "]": "{]}",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{HORIZONTAL ELLIPSIS}": "\\ldots{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": "$\\pm$",
    "\N{MULTIPLICATION SIGN}": "$\\times$",
    "\N{LESS-THAN OR EQUAL TO}": "$\\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": "$\\geq$",
    "\N{NOT EQUAL TO}": "$\\neq$",
    "\N{UPWARDS ARROW}": "$\\uparrow$",
    "\N{DOWNWARDS ARROW}": "$\\downarrow$",
    "\N{BLACK UP-POINTING TRIANGLE}": "$\\triangle$",
    "\N{BLACK DOWN-POINTING TRIANGLE}": "$\\nabla$",
    "\N{MICRO SIGN}": "$\\mu$",
}
GREEK = "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
COMMANDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho varsigma sigma tau upsilon phi "
    "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
CHARACTERS = {
    **SPECIAL,
    **{letter: f"$\\{name}$" for letter, name in zip(GREEK, COMMANDS.split(), strict=True)},
    # These look like Latin letters, and have no command.
    **dict(zip("οΑΒΕΖΗΙΚΜΝΟΡΤΧ", "oABEZHIKMNOPTX", strict=True)),  # noqa: RUF001
}


PAGE_WIDTH, PAGE_ROWS = 72, 40
"""Characters across a page and rows down it, in the size of a table."""


def latex_page(studies: Sequence[StudyRecord]) -> str:
    """Conclusion and a `table` environment per table of each study, under comments that name it and what is missing."""
    parts = [PREAMBLE]
    for study in studies:
        parts.append(f"\n% {_comment(study.title)}\n")
        parts += [f"% missing: {_comment(line)}\n" for line in study.missing()]
        parts.append(_conclusion(study.conclusion) if study.conclusion else "")
        results, *comparison = tables({**study.summary, "failures": []}, PAPER)
        blocks = in_blocks(results, keep=len(results.columns) - len(study.summary["headline"]))
        found = [(results, blocks), *((table, [table]) for table in comparison)]
        parts += [f"\n{page}" for table, blocks in found for page in _pages(table, blocks)]
    return "".join(parts)


def _conclusion(conclusion: Conclusion) -> str:
    """The sentences as a list, then the tables, in environments that a page can hold."""
    items = "".join(f"\\item {latex_text(words)}\n" for words in conclusion.words)
    words = f"\n\\begin{{itemize}}\n{items}\\end{{itemize}}\n" if items else ""
    tables = (*conclusion.tables, *conclusion.details)
    return words + "".join(f"\n{part}" for table in tables for part in _pages(table, within(table, PAGE_WIDTH)))


def _pages(table: Table, blocks: Sequence[Table]) -> Iterator[str]:
    """The table in one environment if a page can hold its `blocks` below each other; else in several, with numbers."""
    if len(blocks) * sum(len(section.rows) + 1 for section in table.sections) <= PAGE_ROWS:
        yield to_latex(table, blocks)
        return
    pieces = [replace(block, sections=part) for block in blocks for part in _parts(block.sections)]
    for place, piece in enumerate(pieces, start=1):
        title = f"{table.title} ({place} of {len(pieces)})"
        yield to_latex(replace(piece, title=title, notes=table.notes if place == len(pieces) else ()))


def _parts(sections: Sequence[Section]) -> Iterator[tuple[Section, ...]]:
    """The sections, in parts of at most so many rows as a page holds; one that is cut has its heading in both."""
    part: list[Section] = []
    room = PAGE_ROWS
    for section in sections:
        rows = section.rows
        while rows:
            part.append(replace(section, rows=rows[:room]))
            rows, room = rows[room:], room - len(part[-1].rows)
            if not room:
                yield tuple(part)
                part, room = [], PAGE_ROWS
    if part:
        yield tuple(part)


def to_latex(table: Table, blocks: Sequence[Table] | None = None) -> str:
    """The table with its title as the caption and its notes below it; `blocks` of it stand below each other."""
    tabulars = "\\par\\medskip\n".join(map(_tabular, blocks or [table]))
    notes = "".join(f"\\par\\footnotesize {latex_text(note)}\n" for note in table.notes)
    caption = latex_text(table.title)
    return f"\\begin{{table}}\n\\centering\\small\n\\caption{{{caption}}}\n{tabulars}{notes}\\end{{table}}\n"


def _tabular(table: Table) -> str:
    sides = [_side(table, place) for place in range(len(table.columns))]
    body = []
    for place, section in enumerate(table.sections):
        if section.heading:
            space = "\\addlinespace\n" if place else ""
            body.append(f"{space}\\multicolumn{{{len(sides)}}}{{l}}{{\\emph{{{latex_text(section.heading)}}}}} \\\\\n")
        indent = "\\quad " if section.heading else ""
        body += [f"{indent}{' & '.join(map(_cell, row))} \\\\\n" for row in section.rows]
    head = " & ".join(map(latex_text, table.columns))
    return (
        f"\\begin{{tabular}}{{{''.join(sides)}}}\n\\toprule\n{head} \\\\\n\\midrule\n{''.join(body)}\\bottomrule\n"
        "\\end{tabular}\n"
    )


def _side(table: Table, place: int) -> str:
    """How a column is aligned; one with a long cell breaks it."""
    longest = max((len(row[place].text) for section in table.sections for row in section.rows), default=0)
    return "p{.4\\linewidth}" if longest > WIDE else "r" if table.numeric[place] else "l"


def _cell(cell: Cell) -> str:
    written = latex_text(cell.text)
    return f"\\textbf{{{written}}}" if cell.verdict == "better" else written


def latex_text(text: str) -> str:
    """`text` on one line, with every character that LaTeX reads as a command written so that it prints.

    Greek letters become mathematics; other scripts stay as they are, which LuaLaTeX and XeLaTeX print.

    >>> print(latex_text("50% of a_b & α ± 0.1"))
    50\\% of a\\_b \\& $\\alpha$ $\\pm$ 0.1
    """
    return "".join(map(_character, " ".join(text.split())))


def _character(character: str) -> str:
    if character in CHARACTERS:
        return CHARACTERS[character]
    return "" if unicodedata.category(character).startswith("C") else character


def _comment(text: str) -> str:
    """`text` on one line, so that nothing of it gets out of the comment."""
    return " ".join(printable(text).split())
