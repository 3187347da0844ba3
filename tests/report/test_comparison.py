"""What is said of a difference, and with how much certainty."""

import pytest

from smoothkit.report.comparison import BRIEF, FULL, PAPER, USUAL, comparison_table, findings, judge
from smoothkit.report.results import results_table

from .test_table import NOTES, study


def test_correction_can_only_take_a_verdict_back():
    shown = {"ci95": [0.1, 0.2], "better": "higher"}
    assert judge({**shown, "p_holm": 0.05})[0] == "better"
    assert judge({**shown, "p_holm": 0.051}) == ("open", "no difference shown after correction")
    assert judge({**shown, "p_holm": None})[0] == "better"
    assert judge({"ci95": [-0.1, 0.2], "better": "higher", "p_holm": 0.001}) == ("open", "no difference shown")


def test_findings_name_few_variants_and_count_many():
    assert findings(study()) == [
        "accuracy ↑ — better: LS 0.1; no difference shown: same",
        "ece ↓ — worse: LS 0.1; no difference shown: same",
        "margin mean — no difference shown: LS 0.1, same",
    ]
    summary = study()
    summary["comparisons"] = {f"variant {place}": summary["comparisons"]["LS 0.1"] for place in range(5)}
    assert findings(summary)[0] == "accuracy ↑ — better: 5 variants"


def test_names_with_commas_stand_in_quotes():
    summary = study()
    summary["comparisons"] = {f"LS, {place}": summary["comparisons"]["LS 0.1"] for place in range(2)}
    assert findings(summary)[0] == "accuracy ↑ — better: “LS, 0”, “LS, 1”"


def test_a_comparison_along_an_axis_says_so_and_what_it_leaves_out():
    levels = {
        "hard labels": {"target": "hard", "size": "small"},
        "LS 0.1": {"target": "LS", "size": "small"},
        "same": {"target": "LS", "size": "large"},
    }
    summary = study(baseline="hard", against="target", levels=levels)
    del summary["comparisons"]["same"]
    table = comparison_table(summary)
    assert table.title == "Difference from “hard” where all else is equal, paired by seed, 3 pairs"
    assert table.notes[-1] == "Compared with nothing, as their counterparts are not in this study: same."
    assert results_table(summary).notes[0].startswith("Shown against “hard” where all else is equal: ▲ better")


def test_full_table_has_p_values_bootstrap_and_what_can_be_seen():
    summary = study()
    summary["comparisons"]["LS 0.1"]["accuracy"] |= {
        "ci95_bootstrap": [0.0071, 0.0123],
        "ci95_rows": [0.0012, 0.0211],
        "p": 0.00004,
        "p_holm": 0.021,
        "detectable": 0.00612,
    }
    table = comparison_table(summary, FULL)
    assert table.columns == (
        "variant",
        "difference",
        "95 % interval",
        "verdict",
        "over test rows too",
        "bootstrap interval",
        "p",
        "p (Holm)",
        "detectable",
    )
    texts = [cell.text for cell in table.sections[0].rows[0]]
    assert texts[3:] == ["▲ better", "[+0.0012, +0.0211]", "[+0.0071, +0.0123]", "<0.001", "0.021", "0.0061"]
    assert any(note.startswith("Detectable: ") for note in table.notes)


@pytest.mark.parametrize("rows", [[-0.0012, 0.0211], [0.0, 0.0211]])
def test_a_difference_of_these_test_rows_alone_is_left_open(rows):
    summary = study()
    summary["comparisons"]["LS 0.1"]["accuracy"]["ci95_rows"] = rows
    assert judge(summary["comparisons"]["LS 0.1"]["accuracy"]) == ("open", "not shown for other test rows")
    assert findings(summary)[0] == "accuracy ↑ — not shown for other test rows: LS 0.1; no difference shown: same"
    cells = results_table(summary).sections[0].rows[1]
    assert [(cell.text, cell.verdict) for cell in cells[1:3]] == [
        ("0.9802 ± 0.0008", None),
        ("▼ 0.0503 ± 0.0015", "worse"),
    ]
    table = comparison_table(summary)
    assert table.notes[0].endswith("only where the interval for other test rows leaves 0 out as well.")
    # More seeds would not settle it, so their number is not what it is held against.
    assert "0.0046 would" in table.notes[1]
    summary["comparisons"]["same"]["accuracy"]["detectable"] = None
    assert len(comparison_table(summary).notes) == 1


def test_the_verdict_comes_before_what_only_some_readers_want():
    for columns in (BRIEF, PAPER, USUAL, FULL):
        assert columns[:3] == ("difference", "interval", "verdict")
    assert "rows" in PAPER


def older(summary):
    """The summary as a version before p-values wrote it."""
    for scalars in summary["comparisons"].values():
        for name, entry in scalars.items():
            scalars[name] = {key: entry[key] for key in ("difference", "ci95", "seeds", "left_out", "better")}
    return summary


def test_summaries_of_older_versions_have_fewer_columns_and_say_so():
    table = comparison_table(older(study()), FULL)
    assert table.columns == ("variant", "difference", "95 % interval", "verdict")
    assert table.notes == (NOTES[0].partition(" Verdicts")[0],)
    assert [row[3].text for row in table.sections[0].rows] == ["▲ better", "no difference shown"]


def test_power_is_told_where_no_difference_is_shown_and_nowhere_else():
    summary = study()
    sizes = {"LS 0.1": 0.5, "same": 0.25}
    for variant, size in sizes.items():
        summary["comparisons"][variant]["accuracy"]["detectable"] = size
    found, missed = "would be found in four studies of five", "smaller ones are often missed."
    assert comparison_table(summary).notes[1] == f"accuracy: with 3 seeds, a difference of 0.25 {found}; {missed}"
    summary["comparisons"]["LS 0.1"]["accuracy"]["ci95"] = [-1.0, 1.0]
    expected = f"accuracy: with 3 seeds, a difference of 0.25 (for some variants 0.50) {found}; {missed}"
    assert comparison_table(summary).notes[1] == expected
