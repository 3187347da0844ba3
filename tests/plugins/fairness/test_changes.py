"""What becomes of a value: words that its intervals carry, errors that hold for other rows, one correction for all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics import LEVEL, CrossedMean, holm
from smoothkit_fairness.changes import Change, change_of_difference, change_of_error, change_of_group, threshold
from smoothkit_fairness.names import of_pair
from smoothkit_fairness.readings import Pair, readings

from .studies import Rows, config, findings, smoothed

PAIR = Pair("Male", "Female")


def verb(before, after, error=0.01):
    """What is said of two values whose difference and sum have this error as well."""
    values = (before, after, after - before, after + before)
    return Change(*(CrossedMean(each, error, 40.0, "by hand") for each in values)).verb()


def test_above_0_values_fall_and_rise_and_below_it_they_come_nearer_or_move_away():
    assert [verb(0.05, after) for after in (0.0, 0.02, 0.045, 0.1)] == ["fell", "fell", None, "rose"]
    assert [verb(-0.05, after) for after in (0.0, -0.02, -0.045, -0.1)] == [
        "came nearer to 0",
        "came nearer to 0",
        None,
        "moved away from 0",
    ]


def test_a_change_of_sign_needs_both_signs():
    assert verb(0.05, -0.05) == verb(-0.04, 0.05) == "changed sign"
    # The one end may lie as far below 0 as the other above it, or on the same side.
    assert verb(0.015, -0.012) == verb(0.012, -0.03) == "changed"
    assert verb(0.001, 0.05) == "rose"


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.001, 0.5))
def test_words_agree_with_the_numbers(before, after, error):
    said = verb(before, after, error)
    if said in ("rose", "moved away from 0"):
        assert abs(after) > abs(before)
    if said in ("fell", "came nearer to 0"):
        assert abs(after) < abs(before)
    if said == "changed sign":
        assert before * after < 0
    assert verb(-before, -after, error) in {
        "rose": {"moved away from 0"},
        "fell": {"came nearer to 0"},
        "moved away from 0": {"rose", "moved away from 0"},
        "came nearer to 0": {"fell", "came nearer to 0"},
    }.get(said or "", {said})


@given(st.lists(st.floats(0.001, 60), max_size=12))
def test_the_threshold_is_holms(ratios):
    means = [CrossedMean(each, 1.0, 10.0, "by hand") for each in ratios]
    corrected = holm([each.p_value for each in means])
    assert [each.p_value <= threshold(means) for each in means] == [each <= LEVEL for each in corrected]


def test_what_has_no_error_takes_no_part_in_the_correction():
    sure, nothing = CrossedMean(1.0, 0.1, 10.0, "by hand"), CrossedMean(math.nan, math.nan, 0.0, "by hand")
    assert threshold([sure, nothing, CrossedMean(1.0, 0.0, 4.0, "by hand")]) == sure.p_value
    assert threshold([]) == 0.0


def two_variants(sizes=(3000, 2000), seeds=4):
    """Hard labels and a smoothed variant with planted gaps."""
    rows = Rows(dict(zip(PAIR, sizes, strict=True)), np.random.default_rng(0))
    planted = {"hard": (0.02, 0.06), "smooth": (-0.05, 0.03)}
    runs = {
        name: {seed: rows.measure(seed, dict(zip(PAIR, gaps, strict=True))) for seed in range(seeds)}
        for name, gaps in planted.items()
    }
    return readings(findings({"hard": config(), "smooth": smoothed(0.1)}, runs)).values()


def test_planted_changes_lie_in_their_intervals():
    before, after = two_variants()
    for found, truth in (
        (change_of_group(before, after, "gap", "Male"), -0.07),
        (change_of_group(before, after, "confidence", "Female"), -0.03),
        (change_of_difference(before, after, PAIR), 0.04),
    ):
        assert found.moved.interval.low < truth < found.moved.interval.high
        assert found.moved.estimate == pytest.approx(found.after.estimate - found.before.estimate)
        assert found.total.estimate == pytest.approx(found.after.estimate + found.before.estimate)
    # What makes a row hard is the same before and after.
    assert found.moved.error < found.before.error / 2


def events_of(variant, group, seed):
    gap, right = (variant.results[seed].rows[f"{quantity}/{group}"] for quantity in ("gap", "accuracy"))
    return gap + right, right


@pytest.mark.parametrize(("quantity", "power"), [("ece", 1), ("squared_error", 2)])
def test_rows_of_an_error_have_it_as_their_mean(quantity, power):
    variant, _ = two_variants()
    both = [events_of(variant, group, 0) for group in PAIR]
    confidence = np.concatenate([each for each, _ in both])
    edges = np.sort(confidence)[np.cumsum([math.ceil((len(confidence) - place) / 15) for place in range(14)]) - 1]
    for group, (own, right) in zip(PAIR, both, strict=True):
        bins = np.searchsorted(edges, own)
        error = sum(
            (bins == place).mean() * abs((own - right)[bins == place].mean()) ** power
            for place in range(15)
            if (bins == place).any()
        )
        assert variant.rows(quantity, group, "", [0]).mean() == pytest.approx(error)


def test_rows_of_an_error_vary_as_the_error_does():
    # Over-confident by 0.2 throughout, so that no bin changes its sign by chance.
    names = {"ece": [], "squared_error": []}
    errors = {name: [] for name in names}
    for draw in range(200):
        rows = Rows({"Male": 1500, "Female": 100}, np.random.default_rng(draw))
        runs = {0: rows.measure(0, {"Male": 0.2, "Female": 0.2})}
        (variant,) = readings(findings({"hard": config()}, {"hard": runs})).values()
        for name in names:
            values = variant.rows(name, "Male", "", [0])[0]
            names[name].append(values.mean())
            errors[name].append(values.std() / math.sqrt(len(values)))
    for name in names:
        assert np.mean(errors[name]) == pytest.approx(np.std(names[name]), rel=0.15)


def test_a_change_of_errors_is_that_of_the_scalars_with_the_error_of_the_rows():
    before, after = two_variants((300, 300))
    name = of_pair("matched_ece_difference", *PAIR)
    for variant, values in ((before, (0.05, 0.05, 0.05, 0.05)), (after, (0.02, 0.02, 0.02, 0.02))):
        for seed, value in enumerate(values):
            variant.results[seed].scalars[name] = value
    found = change_of_error(before, after, PAIR, "matched_ece_difference")
    assert found.moved.estimate == pytest.approx(-0.03)
    assert found.moved.method == "t over seeds and rows"
    # All seeds agree, and yet 300 rows do not show it.
    assert found.moved.error > 0.01
    assert found.verb() is None
    assert before.error_difference(PAIR, "matched_ece_difference").estimate == pytest.approx(0.05)
