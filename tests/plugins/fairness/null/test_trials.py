"""The experiment itself: the same groups for all, whatever happens to a run."""

import pytest

from smoothkit.errors import UserError
from smoothkit_fairness.null.cells import CELLS, Cell, scalar_of
from smoothkit_fairness.null.methods import METHODS
from smoothkit_fairness.null.trials import groups_of

# A golden run: four trials of seed 0. Another number means that runs are no longer comparable with older ones.
GOLDEN = {
    "signed gap": {"worst_false_alarms": 0.25, "lowest_coverage": 1.0, "largest_bias": 0.024868},
    "verdict": {"worst_false_alarms": 0.25},
    "percentile bootstrap": {"worst_false_alarms": 1.0, "lowest_coverage": 0.0, "largest_bias": 0.066460},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_numbers(name, try_out):
    result = try_out(method=name)
    assert {scalar: result.scalars[scalar] for scalar in GOLDEN[name]} == pytest.approx(GOLDEN[name], abs=1e-5)


def test_cells_are_those_of_the_question():
    assert {kind: len(cells) for kind, cells in CELLS.items()} == {"false_alarms": 6, "coverage": 9, "bias": 7}
    assert all(len(cell.rows) == (1 if kind == "coverage" else 2) for kind, cells in CELLS.items() for cell in cells)
    names = [scalar_of(kind, cell) for kind, cells in CELLS.items() for cell in cells]
    assert len(set(names)) == len(names)


def test_groups_depend_on_seed_cell_and_trial_and_on_nothing_else():
    cell = Cell("mild", (300, 150))
    first, second = groups_of(cell, seed=3, trial=7)
    again = groups_of(cell, seed=3, trial=7)
    assert (len(first.confidence), len(second.confidence)) == (300, 150)
    assert first.confidence.equal(again[0].confidence)
    assert second.correctness.equal(again[1].correctness)
    assert not first.confidence[:150].equal(second.confidence)
    for other in (groups_of(cell, 4, 7), groups_of(cell, 3, 8), groups_of(Cell("mild", (300, 151)), 3, 7)):
        assert not first.confidence.equal(other[0].confidence)


def test_methods_see_the_same_groups(try_out):
    results = [try_out(method=name).scalars for name in ("percentile bootstrap", "basic bootstrap")]
    for name in (scalar_of("bias", cell) for cell in CELLS["bias"]):
        assert results[0][name] == results[1][name]


def test_a_method_that_sees_more_models_sees_the_same_first_one():
    cell = Cell("strong", (300, 150))
    for alone, among in zip(groups_of(cell, 3, 7), groups_of(cell, 3, 7, models=5), strict=True):
        assert among.confidence.equal(alone.confidence)
        assert among.correctness.equal(alone.correctness)
        assert (len(alone.retrained), len(among.retrained)) == (0, 4)


def test_seeds_are_other_trials(try_out):
    results = [try_out(method="signed gap", seed=seed).scalars for seed in (0, 1)]
    assert all(results[0][name] != results[1][name] for name in (scalar_of("bias", cell) for cell in CELLS["bias"]))


@pytest.mark.parametrize("name", ["signed gap", "debiased square"])
def test_a_resumed_run_is_the_same_to_the_last_bit(name, try_out):
    assert try_out(method=name, stop_after=2) == try_out(method=name)


@pytest.mark.parametrize("name", ["same curve", "verdict", "study verdict"])
def test_a_method_answers_what_it_can(name, try_out):
    kinds = {scalar.partition("/")[0] for scalar in try_out(method=name, trials=2).scalars if "/" in scalar}
    assert kinds == {"false_alarms"}


def test_a_missing_package_ends_the_run_before_it_begins(try_out, monkeypatch):
    monkeypatch.setattr("smoothkit_fairness.null.methods.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install fairlearn"):
        try_out(method="fairlearn groups")


@pytest.mark.slow
def test_the_signed_gap_keeps_its_promises(try_out):
    scalars = try_out(method="signed gap", trials=1000).scalars
    assert scalars["worst_false_alarms"] <= 0.07
    assert scalars["lowest_coverage"] >= 0.93
    assert scalars["largest_bias"] <= 0.003


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].answer == "a verdict"])
def test_verdicts_keep_theirs(name, try_out):
    assert try_out(method=name, trials=1000, resamples=100).scalars["worst_false_alarms"] <= 0.07
