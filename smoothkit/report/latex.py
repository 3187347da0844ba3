"""Tables for a paper: LaTeX with the packages booktabs and nothing else."""

import unicodedata
from collections.abc import Sequence

from smoothkit.report.comparison import PAPER
from smoothkit.report.folder import StudyRecord
from smoothkit.report.results import tables
from smoothkit.report.table import Cell, Table, in_blocks

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


def latex_page(studies: Sequence[StudyRecord]) -> str:
    """A `table` environment per table of each study, under comments that name it and what is missing."""
    parts = [PREAMBLE]
    for study in studies:
        parts.append(f"\n% {_comment(study.title)}\n")
        parts += [f"% missing: {_comment(line)}\n" for line in study.missing()]
        results, *comparison = tables({**study.summary, "failures": []}, PAPER)
        blocks = in_blocks(results, keep=len(results.columns) - len(study.summary["headline"]))
        parts += [f"\n{to_latex(results, blocks)}", *(f"\n{to_latex(table)}" for table in comparison)]
    return "".join(parts)


def to_latex(table: Table, blocks: Sequence[Table] | None = None) -> str:
    """The table with its title as the caption and its notes below it; `blocks` of it stand below each other."""
    tabulars = "\\par\\medskip\n".join(map(_tabular, blocks or [table]))
    notes = "".join(f"\\par\\footnotesize {latex_text(note)}\n" for note in table.notes)
    caption = latex_text(table.title)
    return f"\\begin{{table}}\n\\centering\\small\n\\caption{{{caption}}}\n{tabulars}{notes}\\end{{table}}\n"


def _tabular(table: Table) -> str:
    sides = "".join("r" if numeric else "l" for numeric in table.numeric)
    body = []
    for place, section in enumerate(table.sections):
        if section.heading:
            space = "\\addlinespace\n" if place else ""
            body.append(f"{space}\\multicolumn{{{len(sides)}}}{{l}}{{\\emph{{{latex_text(section.heading)}}}}} \\\\\n")
        indent = "\\quad " if section.heading else ""
        body += [f"{indent}{' & '.join(map(_cell, row))} \\\\\n" for row in section.rows]
    head = " & ".join(map(latex_text, table.columns))
    return (
        f"\\begin{{tabular}}{{{sides}}}\n\\toprule\n{head} \\\\\n\\midrule\n{''.join(body)}\\bottomrule\n"
        "\\end{tabular}\n"
    )


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
    return " ".join(text.split())
