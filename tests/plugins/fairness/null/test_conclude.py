"""The words and tables of an experiment."""

import math
import re

import pytest

from smoothkit.conclusion import Findings, conclude
from smoothkit.report.numbers import MINUS, MISSING
from smoothkit.scenario import Result
from smoothkit_fairness.null.cells import CELLS, scalar_of
from smoothkit_fairness.null.conclude import pooled
from smoothkit_fairness.null.config import SCENARIO, ExperimentConfig, NullConfig


def configured(method):
    return NullConfig(scenario="fairness-null", experiment=ExperimentConfig(method=method))


def result_of(trials, alarms=0.05, coverage=0.95, bias=0.001, margin=0.002, kinds=("false_alarms", "coverage", "bias")):
    """Cells that are all alike, but for the third one of each kind, which is worse."""
    scalars, intervals = {"trials": float(trials)}, {}
    values = {"false_alarms": (alarms, 2 * alarms), "coverage": (coverage, coverage - 0.05), "bias": (bias, -2 * bias)}
    for kind in kinds:
        for place, cell in enumerate(CELLS[kind]):
            scalars[scalar_of(kind, cell)] = value = values[kind][place == 2]
            if kind == "bias":
                intervals[scalar_of(kind, cell)] = (value - margin, value + margin)
    return Result(scalars=scalars, intervals=intervals)


def concluded(results, **methods):
    configs = {variant: configured(method) for variant, method in methods.items()}
    return conclude(SCENARIO, Findings(configs=configs, baseline=None, results=results))


def texts(table):
    return [[cell.text for cell in row] for row in table.sections[0].rows]


def test_each_variant_has_a_sentence_about_its_worst_cells():
    found = concluded({"ours": {0: result_of(100)}}, ours="signed gap")
    (words,) = found.words
    assert "“ours” calls a gap in up to 10.0 % [5.5, 17.4] of studies of two groups of one law" in words
    assert f"({CELLS['false_alarms'][2].name})" in words
    assert f"as few as 90.0 % [82.6, 94.5] ({CELLS['coverage'][2].name})" in words
    assert f"difference of the signed gap of up to {MINUS}0.0020 [{MINUS}0.0040, 0.0000] on average" in words
    assert words.endswith("100 trials of each.")


def test_tables_hold_every_cell():
    found = concluded(
        {
            "ours": {0: result_of(100)},
            "curve": {0: result_of(100, kinds=("false_alarms",))},
            "words": {0: result_of(100, kinds=("false_alarms",))},
            "late": {},
        },
        ours="signed gap",
        curve="same curve",
        words="study verdict",
        late="netcal",
    )
    summary, alarms, coverage, bias = (*found.tables, *found.details)
    assert [row[:3] for row in texts(summary)] == [
        ["ours", "signed gap", "100"],
        ["curve", "a p-value", "100"],
        ["words", "a verdict", "100"],
    ]
    assert texts(summary)[1][3:] == ["10.0 % [5.5, 17.4]", MISSING, MISSING]
    assert [len(table.columns) for table in (alarms, coverage, bias)] == [7, 10, 8]
    assert [row[0] for row in texts(alarms)] == ["ours", "curve", "words"]
    assert texts(coverage) == [["ours", "95.0 %", "95.0 %", "90.0 %", *["95.0 %"] * 6]]
    assert texts(bias) == [["ours", "+0.0010", "+0.0010", f"{MINUS}0.0020", *["+0.0010"] * 4]]
    assert all(
        len(row) == len(table.columns) == len(table.numeric)
        for table in (summary, alarms, coverage, bias)
        for row in texts(table)
    )


def test_packages_are_named_with_their_version(monkeypatch):
    monkeypatch.setattr("smoothkit_fairness.null.conclude.version", lambda package: "1.2.3")
    found = concluded({"theirs": {0: result_of(50)}, "ours": {0: result_of(50)}}, theirs="netcal", ours="verdict")
    assert found.tables[0].notes[1:] == ("netcal 1.2.3.",)


def test_nothing_is_called_just_or_unjust():
    variants = {"a": "verdict", "b": "percentile bootstrap"}
    found = concluded({name: {0: result_of(50)} for name in variants}, **variants)
    words = " ".join(
        [*found.words, *(note for table in (*found.tables, *found.details) for note in (table.title, *table.notes))]
    )
    assert not re.search(r"\b(un)?fair(ness|ly)?\b", words, re.IGNORECASE)


def test_seeds_are_taken_together():
    trials, found = pooled({0: result_of(100, alarms=0.02, bias=0.003), 1: result_of(300, alarms=0.04, bias=0.001)})
    name = scalar_of("false_alarms", CELLS["false_alarms"][0])
    assert trials == 400
    assert found[name].estimate == pytest.approx((0.02 * 100 + 0.04 * 300) / 400)
    bias = found[scalar_of("bias", CELLS["bias"][0])]
    assert bias.estimate == pytest.approx(0.002)
    assert bias.high - bias.estimate == pytest.approx(0.002 / math.sqrt(2))


def test_a_seed_without_bounds_leaves_none():
    bare = Result(scalars=result_of(2).scalars)
    assert not pooled({0: bare, 1: result_of(2)})[1][scalar_of("bias", CELLS["bias"][0])].is_defined
