"""Means, spreads and paired comparisons, against SciPy's own paired test."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.summary import compare, over_rows, spread, summarise
from smoothkit.scenario import Result
from smoothkit.statistics import paired_power

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)
NOTHING_SHOWN = {"std": None, "ci95": None, "ci95_bootstrap": None, "p": None, "p_holm": None, "detectable": None}


def by_seed(numbers):
    return dict(enumerate(numbers))


@given(st.integers(2, 12), st.integers(0, 1000))
def test_interval_and_p_value_are_those_of_scipys_paired_test(seeds, entropy):
    noise = np.random.default_rng(entropy)
    first = noise.normal(size=seeds).tolist()
    second = (0.5 * np.array(first) + noise.normal(0.3, size=seeds)).tolist()
    expected = scipy.stats.ttest_rel(first, second)
    comparison = compare(by_seed(first), by_seed(second))
    assert comparison["ci95"] == pytest.approx(list(expected.confidence_interval(0.95)), abs=1e-9)
    assert comparison["p"] == pytest.approx(expected.pvalue, abs=1e-9)
    assert comparison["difference"] == pytest.approx(np.mean(first) - np.mean(second), abs=1e-9)


@pytest.mark.parametrize("variants", [1, 3])
def test_detectable_is_what_this_spread_shows_four_times_in_five_where_holm_begins(variants):
    differences = [0.1, 0.4, 0.2, 0.5, 0.3]
    results = {"hard": {seed: make(0.0) for seed in range(5)}}
    for place in range(variants):
        results[f"variant {place}"] = {seed: make(value) for seed, value in enumerate(differences)}
    for entry in summarise(results, "hard")["comparisons"].values():
        found = entry["accuracy"]["detectable"]
        power = paired_power(found, float(np.std(differences, ddof=1)), 5, 0.05 / variants)
        assert power == pytest.approx(0.8, abs=1e-6)


def test_the_spread_of_a_comparison_is_that_of_its_differences():
    differences = [0.1, 0.4, 0.2, 0.5, 0.3]
    found = compare(by_seed(differences), dict.fromkeys(range(5), 0.0))
    assert found["std"] == pytest.approx(np.std(differences, ddof=1))


def test_bootstrap_interval_takes_five_pairs():
    zeros = dict.fromkeys(range(5), 0.0)
    four, five = ([0.1, 0.4, 0.2, 0.5, 0.3][:count] for count in (4, 5))
    assert compare(by_seed(four), zeros)["ci95_bootstrap"] is None
    low, high = compare(by_seed(five), zeros)["ci95_bootstrap"]
    assert low < 0.3 < high


def test_a_comparison_is_the_same_every_time():
    first, second = by_seed([0.1, 0.4, 0.2, 0.5, 0.3]), dict.fromkeys(range(5), 0.0)
    assert compare(first, second) == compare(first, second)


@given(values)
def test_spread_is_the_sample_standard_deviation(numbers):
    found = spread(by_seed(numbers))
    assert found["mean"] == pytest.approx(np.mean(numbers), abs=1e-9)
    assert found["std"] == pytest.approx(np.std(numbers, ddof=1), abs=1e-9)


def test_equal_differences_have_no_width_and_no_p_value():
    comparison = compare(by_seed([0.5, 0.75, 1.0]), by_seed([0.25, 0.5, 0.75]))
    assert comparison["ci95"] == [0.25, 0.25]
    assert comparison["p"] is None
    assert comparison["std"] == 0
    same = summarise({"hard": {0: make(0.25), 1: make(0.5)}, "LS": {0: make(0.5), 1: make(0.75)}}, "hard")
    assert same["comparisons"]["LS"]["accuracy"]["detectable"] is None


def test_pairs_are_made_by_seed_and_not_by_place():
    comparison = compare({3: 1.0, 1: 2.0, 7: 9.0}, {1: 1.5, 2: 8.0, 3: 0.0})
    assert comparison["seeds"] == [3, 1]
    assert comparison["difference"] == pytest.approx(0.75)


def test_one_pair_gives_no_interval():
    comparison = compare({0: 1.0}, {0: 0.5, 1: 0.7})
    assert comparison == {"difference": 0.5, **NOTHING_SHOWN, "seeds": [0], "left_out": 0}


def test_no_pair_gives_no_difference():
    assert compare({0: 1.0}, {1: 1.0}) == {"difference": None, **NOTHING_SHOWN, "seeds": [], "left_out": 0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_left_out_pairwise_and_counted(bad):
    comparison = compare({0: 1.0, 1: bad, 2: 3.0}, {0: 0.0, 1: 0.0, 2: bad})
    assert comparison == {"difference": 1.0, **NOTHING_SHOWN, "seeds": [0], "left_out": 2}
    found = spread({0: 1.0, 1: bad})
    assert found == {"mean": 1.0, "std": None, "values": [1.0, None], "seeds": [0, 1], "left_out": 1}
    assert spread({0: bad})["mean"] is None


def make(accuracy: float, **more: float) -> Result:
    return Result(scalars={"accuracy": accuracy, **more}, better={"accuracy": "higher"}, headline=("accuracy",))


def test_summary_compares_every_variant_but_the_baseline():
    summary = summarise({"hard": {0: make(0.5)}, "LS": {0: make(0.6, nll=1.0)}, "none": {}}, "hard")
    assert list(summary["variants"]) == ["hard", "LS", "none"]
    assert summary["variants"]["none"] == {}
    assert list(summary["comparisons"]) == ["LS", "none"]
    assert list(summary["comparisons"]["LS"]) == ["accuracy"]  # the baseline has no nll to compare with
    assert summary["comparisons"]["LS"]["accuracy"]["better"] == "higher"
    assert summary["headline"] == ["accuracy"]


def test_each_variant_may_have_a_baseline_of_its_own():
    results = {"a": {0: make(0.5)}, "b": {0: make(0.75)}, "c": {0: make(0.125)}, "d": {0: make(0.25)}, "e": {}}
    pairs = {"a": None, "b": "a", "c": None, "d": "c", "e": "missing"}
    found = summarise(results, pairs)["comparisons"]
    differences = {
        name: (entry["accuracy"]["difference"], entry["accuracy"]["baseline"]) for name, entry in found.items()
    }
    assert differences == {"b": (0.25, "a"), "d": (0.125, "c")}
    one = summarise(results, "a")["comparisons"]
    assert {name: entry["accuracy"]["baseline"] for name, entry in one.items() if entry} == dict.fromkeys("bcd", "a")


@given(st.integers(2, 6), st.integers(0, 1000))
def test_holms_correction_is_over_all_comparisons_whatever_they_are_with(seeds, entropy):
    noise = np.random.default_rng(entropy)
    results = {
        name: {seed: make(float(value)) for seed, value in enumerate(noise.normal(size=seeds))} for name in "abcdef"
    }
    found = summarise(results, {"b": "a", "d": "c", "f": "e"})["comparisons"]
    numbers = {name: [result.scalars["accuracy"] for result in runs.values()] for name, runs in results.items()}
    raw = {name: scipy.stats.ttest_rel(numbers[name], numbers[other]).pvalue for name, other in ("ba", "dc", "fe")}
    for name, entry in found.items():
        rank = sorted(raw, key=raw.__getitem__).index(name)
        smaller = [min(1.0, (3 - place) * p) for place, p in enumerate(sorted(raw.values()))][: rank + 1]
        assert entry["accuracy"]["p_holm"] == pytest.approx(max(smaller), abs=1e-9)


def study(**shifts):
    """Variants of five seeds that share their noise, each shifted, and a baseline."""
    noise = [0.00, 0.02, -0.01, 0.03, 0.01]
    own = [0.01, -0.01, 0.00, 0.01, -0.01]
    values = {"hard": dict(enumerate(map(make, noise)))}
    for place, (name, shift) in enumerate(shifts.items()):
        rolled = own[place:] + own[:place]
        values[name] = {seed: make(shift + noise[seed] + rolled[seed]) for seed in range(5)}
    return values


def test_p_values_are_corrected_for_the_number_of_variants():
    comparisons = summarise(study(a=0.02, b=0.1, c=0.0), "hard")["comparisons"]
    raw = {variant: entry["accuracy"]["p"] for variant, entry in comparisons.items()}
    found = {variant: entry["accuracy"]["p_holm"] for variant, entry in comparisons.items()}
    assert raw["b"] < raw["a"] < raw["c"]
    assert found["b"] == pytest.approx(3 * raw["b"])
    assert found["a"] == pytest.approx(2 * raw["a"])
    assert found["c"] == pytest.approx(raw["c"])


def test_what_has_no_p_value_does_not_count_as_a_comparison():
    results = study(a=0.02)
    results["same"] = results["hard"]
    comparisons = summarise(results, "hard")["comparisons"]
    assert comparisons["same"]["accuracy"]["p_holm"] is None
    assert comparisons["a"]["accuracy"]["p_holm"] == comparisons["a"]["accuracy"]["p"]


def test_summary_is_strict_json():
    results = study(a=0.02)
    results["bad"] = {seed: make(value) for seed, value in enumerate([math.nan, math.inf, 0.1])}
    results["equal"] = {seed: make(0.0) for seed in range(5)}
    summary = summarise(results, "hard")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


@pytest.mark.parametrize("huge", [1e308, -1e308])
def test_values_whose_squares_are_not_finite_are_left_out(huge):
    summary = summarise({"hard": {0: make(huge), 1: make(0.5)}, "LS": {0: make(-huge), 1: make(0.6)}}, "hard")
    assert summary["variants"]["hard"]["accuracy"] == {
        "mean": 0.5,
        "std": None,
        "values": [None, 0.5],
        "seeds": [0, 1],
        "left_out": 1,
    }
    assert summary["comparisons"]["LS"]["accuracy"]["seeds"] == [1]


@pytest.mark.parametrize("bad", [math.inf, math.nan, 1e300])
def test_rows_that_are_not_finite_have_no_interval(bad):
    # Of both variants, so that their difference would be one of infinities.
    def runs(*last):
        return {seed: Result(scalars={}, rows={"nll": (0.5, 1.0, value)}) for seed, value in enumerate(last)}

    assert over_rows("nll", runs(bad, 2.0), runs(bad, 1.0)) is None
    assert over_rows("nll", runs(3.0, 2.0), runs(1.0, 1.0)) is not None


def test_headline_falls_back_to_all_scalars():
    assert summarise({"a": {0: Result(scalars={"x": 1.0, "y": 2.0})}}, "a")["headline"] == ["x", "y"]


@pytest.mark.parametrize("baseline", [None, "missing"])
def test_without_a_baseline_nothing_is_compared(baseline):
    assert summarise({"a": {0: make(0.5)}}, baseline)["comparisons"] == {}


def test_statistics_need_no_torch():
    code = "import sys, smoothkit.report.summary, smoothkit.report.table; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
