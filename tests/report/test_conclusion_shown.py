"""A conclusion as readers see it, on every surface; whatever stands in it is words and nothing else."""

# ruff: noqa: RUF001  (an alpha is what a reader sees)

import re
import shutil
import subprocess
from dataclasses import dataclass, replace

import pytest

from smoothkit.conclusion import Conclusion
from smoothkit.report.figures import CurvesFigure, Figure, UnreadableFigure
from smoothkit.report.folder import read_study
from smoothkit.report.html.document import html_page
from smoothkit.report.latex import PAGE_ROWS, latex_page
from smoothkit.report.markdown import markdown_page
from smoothkit.report.page import write_report
from smoothkit.report.table import column_widths, within
from smoothkit.report.terminal import terminal_report, terminal_table

from .conclusions import CONCLUSION, CURVES, HOSTILE, LONG, concluded, on_terminal, table
from .test_page import Elements, root_of, words

# --- shown ------------------------------------------------------------------------------------------------------------


def test_the_page_says_it_near_the_top_words_first(make_study):
    page = write_report([concluded(make_study(unfinished=True))])
    text = words(page)
    order = ["Not in this report Runs", *CONCLUSION.words, "column 2", "A note of the table.", "Gap against alpha"]
    places = [text.index(part, text.index("Scenario supervised")) for part in (*order, "Results: mean")]
    assert places == sorted(places)
    links = [link.text for link in root_of(page).iter("a")]
    assert links[1:4] == ["Not in this report", "Conclusion", "Results"]
    (label,) = [
        label for svg in root_of(page).iter("svg") if (label := svg.get("aria-label", "")).startswith("Gap against")
    ]
    assert label.endswith("Marked on alpha: the sign flips at 0.125")


@pytest.mark.parametrize(("rows", "folded"), [(60, False), (62, True)])
def test_a_long_table_is_folded_away_under_its_title(make_study, rows, folded):
    page = write_report([concluded(make_study(), Conclusion(tables=(table(3, rows),)))])
    assert ("<summary>Gaps: 62 rows</summary>" in page.read_text(encoding="utf-8")) == folded
    assert f"-0.0123{rows - 1}.2" in words(page)


def test_a_figure_of_a_plugin_that_is_not_there_is_named_and_the_rest_is_shown(make_study):
    gone = UnreadableFigure(title="Fall", reason="", data={"kind": "missing_package:Waterfall", "title": "Fall"})
    directory = concluded(make_study(), replace(CONCLUSION, figures={"fall": gone, "gap": CURVES}))
    study = read_study(directory)
    (line,) = study.missing()
    assert line.startswith("conclusion, figure “fall”: no plugin here provides the figure 'missing_package:Waterfall'")
    text = words(write_report([directory]))
    assert "Fall cannot be drawn: no plugin here provides" in text
    assert "Gap against alpha" in text


def test_parts_may_be_empty(make_study):
    directory = concluded(make_study(), Conclusion())
    study = read_study(directory)
    assert study.conclusion == Conclusion()
    assert study.missing() == []
    assert "Conclusion" not in words(write_report([directory]))


def test_identifiers_are_used_once_whatever_figures_it_has(make_study):
    many = {f"figure {place}": CURVES for place in range(3)}
    nine = {f"c{place}": (0.0, 1.0) for place in range(9)}
    crowd = CurvesFigure(title="Crowd", x_label="", y_label="", x=nine, y=nine)
    studies = [
        read_study(concluded(make_study(name=name), replace(CONCLUSION, figures={**many, "crowd": crowd})))
        for name in "ab"
    ]
    names = [attributes["id"] for _, attributes in Elements(html_page(studies)).found if "id" in attributes]
    assert len(names) == len(set(names))


def test_markdown_and_latex_say_it_too(make_study):
    study = read_study(concluded(make_study()))
    markdown = markdown_page([study])
    assert "### Conclusion\n\n- The gap fell from 0.1 to 0.02 at α = 0.1.\n- Beyond" in markdown
    assert "### Gaps\n\n| variant | column 1 | column 2 |\n" in markdown
    places = [markdown.index(f"### {title}") for title in ("Conclusion", "Gaps", "In detail", "Results")]
    assert places == sorted(places)
    latex = latex_page([study])
    assert "\\begin{itemize}\n\\item The gap fell from 0.1 to 0.02 at $\\alpha$ = 0.1.\n" in latex
    assert "\\caption{Gaps}" in latex
    assert "\\caption{In detail}" in latex
    assert "In detail" in html_page([study])
    assert latex.index("\\item") < latex.index("\\caption{Gaps}") < latex.index("\\caption{Results")


def test_numbers_for_programs_are_as_before(make_study, tmp_path):
    plain, more = make_study(name="plain"), concluded(make_study(name="more"))
    (plain / "summary.json").write_text((more / "summary.json").read_text())
    for directory in (plain, more):
        write_report([directory], formats=("csv",))
    text = (more / "report.csv").read_text()
    assert text.replace("more", "plain") == (plain / "report.csv").read_text()
    assert "gap fell" not in text


def test_a_terminal_ends_with_the_table_and_the_words(make_study):
    lines = [line for line in on_terminal(terminal_report(read_study(concluded(make_study(unfinished=True))))) if line]
    assert lines[-3:] == ["Conclusion", *(f"• {sentence}" for sentence in CONCLUSION.words)]
    assert lines.index("Gaps") > lines.index("LS, seed 0: not finished")
    assert "In detail" not in lines
    summary = read_study(make_study(name="other")).summary
    assert on_terminal(terminal_table({**summary, "conclusion": CONCLUSION.to_json()}))[-3:] == lines[-3:]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_narrow_terminal_wraps_and_cuts_nothing(make_study, width):
    wide = table(10, 60)
    study = read_study(concluded(make_study(), Conclusion(words=(LONG, "some words " * 20), tables=(wide,))))
    lines = on_terminal(terminal_report(study), width)
    assert max(map(len, lines)) <= width
    text = "".join(lines)
    assert "…" not in text
    squeezed = re.sub(r"[\s•]", "", text)
    assert LONG in squeezed
    assert "somewords" * 20 in squeezed
    if width >= 40:
        # Every entry stands whole: columns that find no place beside the others come below them.
        shown = re.findall(r"-0\.0123\d+\.\d", "\n".join(lines))
        assert sorted(shown) == sorted(f"-0.0123{place}.{column}" for place in range(60) for column in range(1, 10))


def test_a_table_is_cut_into_as_few_blocks_as_fit():
    wide = table(10, 4)
    assert within(wide, sum(column_widths(wide))) == [wide]
    assert len(within(wide, sum(column_widths(wide)) - 1)) == 2
    assert len(within(wide, 1)) == 9
    blocks = within(wide, 60)
    assert all(sum(column_widths(block)) <= 60 for block in blocks)
    assert [column for block in blocks for column in block.columns[1:]] == list(wide.columns[1:])
    assert [block.notes for block in blocks] == [()] * (len(blocks) - 1) + [wide.notes]


# --- harmless ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Hostile(Figure):
    """A plugin's own kind that fails in its own way."""

    def draw(self):
        raise ValueError(HOSTILE)


@pytest.fixture
def hostile(make_study):
    """A study that concludes with whatever must not get through, at the size of a real one."""
    big = table(10, 60, cell=HOSTILE, title=HOSTILE)
    marked = replace(CURVES, title=HOSTILE, marks={HOSTILE: 0.1, LONG: 0.05})
    words = (HOSTILE, f"[link](javascript:alert(1)) {LONG}", "")
    figures: dict[str, Figure] = {HOSTILE: marked, "own": Hostile(title=HOSTILE)}
    return concluded(
        make_study(), Conclusion(words=words, tables=(big, replace(big, notes=(HOSTILE,))), figures=figures)
    )


def test_nothing_in_it_is_markup_on_the_page(hostile):
    page = write_report([hostile])
    elements = Elements(page.read_text(encoding="utf-8"))
    assert elements.all("script") == []
    assert "<script>alert(1)</script>" in words(page)  # as words
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", page.read_text(encoding="utf-8"))
    assert all(region["tabindex"] == "0" for region in elements.all("div") if region.get("class") == "scroll")


def test_nothing_in_it_moves_a_cursor_or_becomes_markup_on_a_terminal(hostile):
    text = "\n".join(on_terminal(terminal_report(read_study(hostile))))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "[link](javascript:alert(1))" in text


def test_nothing_in_it_is_markup_in_markdown(hostile):
    text = markdown_page([read_study(hostile)])
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\\[link\\](javascript" in text
    assert "\\*\\*no\\*\\* end" in text
    text.encode("utf-8")
    assert len({line.count(" | ") for line in text.splitlines() if line.startswith("| row")}) == 1


def test_nothing_in_it_is_a_command_of_latex(hostile, make_study):
    text = latex_page([read_study(hostile)])
    assert "\\input" not in text
    assert "\\textbackslash{}input\\{x\\}" in text
    assert text.count("\\begin{table}") == text.count("\\end{table}") > 4


def test_latex_tables_are_as_high_as_a_page_at_most_and_whole(make_study):
    text = latex_page([read_study(concluded(make_study(), Conclusion(tables=(table(10, 60),))))])
    pieces = [piece for piece in text.split("\\begin{table}") if "caption{Gaps" in piece]
    assert [f"caption{{Gaps ({place} of {len(pieces)})}}" in piece for place, piece in enumerate(pieces, 1)] == [
        True
    ] * len(pieces)
    assert all(piece.count("\\quad row") <= PAGE_ROWS for piece in pieces)
    shown = re.findall(r"-0\.0123\d+\.\d", text)
    assert sorted(shown) == sorted(f"-0.0123{place}.{column}" for place in range(60) for column in range(1, 10))
    assert text.count("A note of the table.") == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_and_nothing_leaves_the_page(make_study, tmp_path):
    usual = table(10, 60)
    worded = replace(table(3, 4, cell="a sentence in a cell that is much longer than any number in a table would be "))
    plain = HOSTILE.encode("ascii", "ignore").decode()
    conclusion = Conclusion(words=(plain, "[first] in brackets"), tables=(usual, worded))
    tables = latex_page([read_study(concluded(make_study(), conclusion))])
    source = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{tables}\\end{{document}}"
    (tmp_path / "report.tex").write_text(source)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Float too large" not in done.stdout
    assert "Overfull \\hbox" not in done.stdout
