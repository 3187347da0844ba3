"""Tables as a reader sees them."""

# ruff: noqa: RUF001  (minus signs and dashes are what a reader sees)

import io
import textwrap

import pytest
from rich.console import Console

from smoothkit.report.comparison import USUAL, comparison_table, judge
from smoothkit.report.markdown import to_markdown
from smoothkit.report.results import results_table, tables
from smoothkit.report.summary import summarise
from smoothkit.report.table import Cell, Section, Strip, Table, transposed
from smoothkit.report.terminal import terminal_table
from smoothkit.scenario import Result


def study(seeds: int = 3, **more):
    def make(accuracy: float, ece: float) -> Result:
        return Result(
            scalars={"accuracy": accuracy, "ece": ece, "margin_mean": 7.0},
            better={"accuracy": "higher", "ece": "lower"},
            headline=("accuracy", "ece", "margin_mean"),
        )

    wobble = [0.0, 0.002, -0.001]
    results = {
        "hard labels": {seed: make(0.97 + wobble[seed], 0.02) for seed in range(seeds)},
        "LS 0.1": {seed: make(0.98 + 0.5 * wobble[seed], 0.05 + wobble[seed]) for seed in range(seeds)},
        "same": {seed: make(0.97 + wobble[2 - seed], 0.02) for seed in range(seeds)},
    }
    return {"scenario": "s", "baseline": "hard labels", **summarise(results, "hard labels"), "failures": [], **more}


def render(summary, width: int = 100) -> str:
    console = Console(width=width, color_system=None, file=io.StringIO())
    with console.capture() as captured:
        console.print(terminal_table(summary))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


GOLDEN = """\
Results: mean ± standard deviation over 3 seeds

  variant              accuracy ↑               ece ↓   margin mean
 ───────────────────────────────────────────────────────────────────
  hard labels     0.9703 ± 0.0015     0.0200 ± 0.0000         7 ± 0
  LS 0.1        ▲ 0.9802 ± 0.0008   ▼ 0.0503 ± 0.0015         7 ± 0
  same            0.9703 ± 0.0015     0.0200 ± 0.0000         7 ± 0

Shown against “hard labels”: ▲ better, ▼ worse.
Difference from “hard labels”, paired by seed, 3 pairs

  variant       difference        95 % interval   verdict
 ─────────────────────────────────────────────────────────────────────
  accuracy ↑
    LS 0.1         +0.0098   [+0.0079, +0.0117]   ▲ better
    same            0.0000   [−0.0025, +0.0025]   no difference shown

  ece ↓
    LS 0.1         +0.0303   [+0.0265, +0.0341]   ▼ worse
    same            0.0000     [0.0000, 0.0000]   no difference shown

  margin mean
    LS 0.1               0               [0, 0]   no difference shown
    same                 0               [0, 0]   no difference shown

Intervals"""


NOTES = (
    "Intervals: Student's t over seeds, each on its own, not corrected for the number of comparisons. Verdicts: at "
    "5 %, after Holm's correction over the variants of each scalar.",
    "accuracy: with 3 seeds, a difference of 0.0046 would be found in four studies of five; smaller ones are often "
    "missed.",
)


@pytest.mark.parametrize("width", [80, 100])
def test_terminal(width):
    tables = GOLDEN.removesuffix("Intervals")
    assert render(study(), width) == tables + "\n".join(textwrap.fill(note, width) for note in NOTES)


def test_many_scalars_stand_in_blocks_on_a_terminal():
    summary = study()
    for scalars in summary["variants"].values():
        scalars |= {f"more_{place}": scalars["ece"] for place in range(3)}
    summary["headline"] += ["more_0", "more_1", "more_2"]
    summary["failures"] = [{"variant": "same", "seed": 9, "error": "no"}]
    lines = render(summary).splitlines()
    heads = [line.split() for line in lines if line.startswith("  variant")]
    assert heads[0] == ["variant", "accuracy", "↑", "ece", "↓", "margin", "mean"]
    assert heads[1] == ["variant", "more", "0", "more", "1", "more", "2"]
    text = "\n".join(lines)
    assert text.count("Results") == text.count("same, seed 9 failed: no") == 1
    assert text.index("more 2") < text.index("same, seed 9") < text.index("Difference")


def test_narrow_terminal_cuts_nothing_off():
    assert "…" not in render(study(), width=50)


def test_colour_repeats_what_the_words_say():
    better, worse = (comparison_table(study()).sections[place].rows[0][3] for place in (0, 1))
    assert (better.text, better.verdict) == ("▲ better", "better")
    assert (worse.text, worse.verdict) == ("▼ worse", "worse")


def test_scalar_without_a_direction_is_neither_better_nor_worse():
    assert judge({"ci95": [0.1, 0.2], "better": None}) == ("different", "higher")
    assert judge({"ci95": [-0.2, -0.1], "better": None}) == ("different", "lower")


def test_equal_differences_show_too_little():
    assert judge({"ci95": [0.05, 0.05], "better": "higher"}) == ("open", "no spread: more seeds")


def test_bound_at_zero_shows_no_difference():
    assert judge({"ci95": [0.0, 0.2], "better": "higher"}) == ("open", "no difference shown")


def test_one_seed_has_neither_spread_nor_interval():
    text = render(study(seeds=1))
    assert "Results of one seed" in text
    assert "±" not in text
    assert text.count("no interval") == 6
    assert "at least two seeds" in text


def test_study_without_comparison_has_one_table():
    assert [table.title[:7] for table in tables(study(comparisons={}))] == ["Results"]


def test_notes_name_what_is_missing():
    summary = study(failures=[{"variant": "LS 0.1", "seed": 9, "error": "the loss is not finite at step 3"}])
    summary["variants"]["same"]["ece"]["left_out"] = 1
    assert results_table(summary).notes == (
        "Shown against “hard labels”: ▲ better, ▼ worse.",
        "same, ece: 1 of 3 values not finite, left out.",
        "LS 0.1, seed 9 failed: the loss is not finite at step 3",
    )


def test_seeds_are_counted_where_variants_differ():
    summary = study()
    summary["variants"]["same"] = {}
    table = results_table(summary)
    assert table.columns[:2] == ("variant", "seeds")
    assert [row[1].text for row in table.sections[0].rows] == ["3", "3", "0"]
    assert table.sections[0].rows[2][2].text == "–"


def test_pairs_are_counted_where_they_differ():
    summary = study()
    assert comparison_table(summary).columns[-1] == "verdict"
    summary["comparisons"]["same"]["ece"]["seeds"] = [0, 1]
    table = comparison_table(summary)
    assert (table.columns[-1], table.title) == ("pairs", "Difference from “hard labels”, paired by seed")
    assert [row[-1].text for row in table.sections[1].rows] == ["3", "2"]


def test_markdown_has_the_same_cells_and_escapes_markup():
    summary = study()
    summary["variants"]["a|b *c* <d>"] = summary["variants"].pop("same")
    lines = to_markdown(results_table(summary)).splitlines()
    assert lines[0] == "### Results: mean ± standard deviation over 3 seeds"
    assert lines[2] == "| variant | accuracy ↑ | ece ↓ | margin mean |"
    assert lines[3] == "| --- | ---: | ---: | ---: |"
    assert lines[5] == "| LS 0.1 | ▲ 0.9802 ± 0.0008 | ▼ 0.0503 ± 0.0015 | 7 ± 0 |"
    assert lines[6].startswith("| a\\|b \\*c\\* &lt;d&gt; |")
    comparison = to_markdown(comparison_table(study())).splitlines()
    assert comparison[4] == "| **accuracy ↑** | | | |"
    assert comparison[5] == "| LS 0.1 | +0.0098 | \\[+0.0079, +0.0117\\] | ▲ better |"


def test_strips_share_the_scale_of_their_column_and_say_their_numbers():
    cells = [row[1] for row in results_table(study()).sections[0].rows]
    assert {cell.strip.scale for cell in cells} == {(0.969, 0.981)}
    assert cells[0].strip.description == "seed 0: 0.9700; seed 1: 0.9720; seed 2: 0.9690"
    assert cells[0].strip.mark == pytest.approx(0.97033333)
    (better, _), *_ = (section.rows for section in comparison_table(study(), USUAL).sections)
    assert better[2].strip.description == "difference +0.0098, interval [+0.0079, +0.0117]"
    assert better[2].strip.scale[0] <= 0 < better[2].strip.scale[1]


def test_results_are_marked_by_signs_that_need_no_colour():
    summary = study(better={"accuracy": None})
    summary["comparisons"]["LS 0.1"]["accuracy"]["better"] = None
    table = results_table(summary)
    assert [cell.text[:2] for cell in table.sections[0].rows[1][1:]] == ["≠ ", "▼ ", "7 "]
    assert table.notes == ("Shown against “hard labels”: ▼ worse, ≠ different.",)
    assert results_table(study(comparisons={})).notes == ()


def test_results_are_marked_by_the_verdict_alone():
    rows = {row[0].text: [cell.verdict for cell in row[1:]] for row in results_table(study()).sections[0].rows}
    assert rows == {"hard labels": [None] * 3, "LS 0.1": ["better", "worse", None], "same": [None] * 3}


def test_transposed_table_has_a_row_per_scalar():
    table = transposed(results_table(study()))
    assert table.columns == ("", "hard labels", "LS 0.1", "same")
    assert [cell.text for cell in table.sections[0].rows[0]][:2] == ["accuracy ↑", "0.9703 ± 0.0015"]


def test_tables_and_strips_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="the table “t” needs 2 entries"):
        Table(title="t", columns=("a", "b"), numeric=(False, True), sections=(Section(rows=((Cell(text="x"),),)),))
    with pytest.raises(ValueError, match="the table “t” needs 2 entries"):
        Table(title="t", columns=("a", "b"), numeric=(False,), sections=())
    for numbers in ({"points": (float("nan"),)}, {"scale": (1.0, 1.0)}, {"interval": (0.0, float("inf"))}):
        with pytest.raises(ValueError, match="the strip “s” needs finite numbers"):
            Strip(**{"points": (0.5,), "scale": (0.0, 1.0), "description": "s", **numbers})
