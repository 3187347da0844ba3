"""Studies of more variants than a screen or a page has lines."""

from pathlib import Path

import pytest

from smoothkit.report.folder import StudyRecord
from smoothkit.report.html.document import html_page
from smoothkit.report.latex import PAGE_ROWS, latex_page
from smoothkit.report.markdown import markdown_page
from smoothkit.report.results import MOST_CELLS, all_scalars, scalars_left_out
from smoothkit.report.summary import summarise
from smoothkit.report.terminal import MOST_LINES, MOST_VARIANTS, terminal_report, terminal_table
from smoothkit.scenario import Result

from .conclusions import CONCLUSION, on_terminal


def summary_of(variants, scalars=1, failed=0):
    """Three seeds of each variant, the odd ones better than the first; some others failed."""
    wobble = (0.0, 0.02, -0.01)

    def result(place, seed):
        values = {f"m{name}": place % 2 + wobble[(place + seed) % 3] for name in range(scalars)}
        return Result(values, {"m0": "higher"}, headline=("m0",))

    results = {f"variant {place}": {seed: result(place, seed) for seed in range(3)} for place in range(variants)}
    failures = [{"variant": "variant 1", "seed": seed + 3, "error": "broke"} for seed in range(failed)]
    found = summarise(results, "variant 0")
    return {"scenario": "s", "baseline": "variant 0", "environment": {}, **found, "failures": failures}


def record_of(variants, pending=0):
    waiting = tuple(("variant 1", seed + 3) for seed in range(pending))
    return StudyRecord(
        directory=Path("study"), title="Many", summary=summary_of(variants), runs=(), pending=waiting, gaps=()
    )


@pytest.mark.parametrize("variants", [MOST_VARIANTS, MOST_VARIANTS + 1])
def test_a_terminal_counts_what_would_take_screens(variants):
    lines = on_terminal(terminal_table({**summary_of(variants, failed=2), "conclusion": CONCLUSION.to_json()}), 120)
    text = "\n".join(lines)
    assert ("Results: mean" in text) == ("Difference from" in text) == (variants == MOST_VARIANTS)
    short = f"{variants} variants: means and differences are in the pages that `smoothkit report` writes."
    assert (short in lines) == (variants > MOST_VARIANTS)
    if variants > MOST_VARIANTS:
        assert lines[lines.index(short) + 1] == "Against “variant 0”:"
        # Of the 20 odd ones, 7 have the noise of the first, so that differences have no spread.
        told = "better: 13 variants; no difference shown: 20 variants; no spread: more seeds: 7 variants"
        assert lines[lines.index(short) + 2] == f"  m0 ↑ — {told}"
    # Whatever is left out, failures and the conclusion are not.
    assert text.index("variant 1, seed 4 failed: broke") < text.index(CONCLUSION.words[0])


@pytest.mark.parametrize("pending", [MOST_LINES + 1, MOST_LINES + 2])
def test_a_terminal_lists_a_few_of_many_missing_runs(pending):
    lines = [line for line in on_terminal(terminal_report(record_of(2, pending))) if "not finished" in line]
    # Two lines are not worth a line that says how many there are.
    assert len(lines) == (pending if pending == MOST_LINES + 1 else MOST_LINES)
    text = "\n".join(on_terminal(terminal_report(record_of(2, pending))))
    assert ("… and 2 more, which the pages list" in text) == (pending == MOST_LINES + 2)


def test_pages_have_every_variant():
    study = record_of(144)
    for page in (html_page([study]), markdown_page([study]), latex_page([study])):
        assert all(f"variant {place}" in page for place in range(144))
    assert "<summary>Results: mean ± standard deviation over 3 seeds: 144 rows</summary>" in html_page([study])


def test_a_table_that_no_page_of_paper_holds_is_parted():
    environments = latex_page([record_of(144)]).split("\\begin{table}")[1:]
    assert all(part.count(" \\\\\n") <= PAGE_ROWS + 2 for part in environments)
    assert "(4 of 4)" in environments[3]
    assert "(" not in latex_page([record_of(3)]).split("\\caption{")[1].split("}")[0]


def test_many_variants_leave_room_for_fewer_scalars():
    many, few = summary_of(144, scalars=100), summary_of(3, scalars=100)
    assert len(all_scalars(many)["headline"]) == MOST_CELLS // 144
    assert (scalars_left_out(many) or "").startswith(f"The first {MOST_CELLS // 144} of 100 scalars.")
    assert (len(all_scalars(few)["headline"]), scalars_left_out(few)) == (100, None)


def test_summaries_of_versions_without_grids_are_read():
    summary = summary_of(3)
    for scalars in summary["comparisons"].values():
        for entry in scalars.values():
            del entry["baseline"]
    assert not {"against", "levels"} & set(summary)
    text = "\n".join(on_terminal(terminal_table(summary)))
    assert "Difference from “variant 0”, paired by seed, 3 pairs" in text
    assert "where all else is equal" not in text
