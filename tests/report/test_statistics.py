"""Means, spreads and paired intervals, against SciPy's own paired test."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.statistics import compare, paired_interval, spread, summarise
from smoothkit.scenario import Result

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


def by_seed(numbers):
    return dict(enumerate(numbers))


@given(st.integers(2, 12), st.integers(0, 1000))
def test_interval_is_that_of_scipys_paired_test(seeds, entropy):
    noise = np.random.default_rng(entropy)
    first = noise.normal(size=seeds).tolist()
    second = (0.5 * np.array(first) + noise.normal(0.3, size=seeds)).tolist()
    expected = scipy.stats.ttest_rel(first, second).confidence_interval(0.95)
    comparison = compare(by_seed(first), by_seed(second))
    assert comparison["ci95"] == pytest.approx([expected.low, expected.high], abs=1e-9)
    assert comparison["difference"] == pytest.approx(np.mean(first) - np.mean(second), abs=1e-9)


@given(values)
def test_spread_is_the_sample_standard_deviation(numbers):
    found = spread(by_seed(numbers))
    assert found["mean"] == pytest.approx(np.mean(numbers), abs=1e-9)
    assert found["std"] == pytest.approx(np.std(numbers, ddof=1), abs=1e-9)


def test_interval_of_three_by_hand():
    # Mean 2, standard error 1 / sqrt(3), and the 97.5 % point of t with two degrees of freedom is 4.302653.
    low, high = paired_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), abs=1e-5)


def test_equal_differences_have_no_width():
    assert paired_interval([0.25, 0.25, 0.25]) == (0.25, 0.25)


def test_pairs_are_made_by_seed_and_not_by_place():
    comparison = compare({3: 1.0, 1: 2.0, 7: 9.0}, {1: 1.5, 2: 8.0, 3: 0.0})
    assert comparison["seeds"] == [3, 1]
    assert comparison["difference"] == pytest.approx(0.75)


def test_one_pair_gives_no_interval():
    comparison = compare({0: 1.0}, {0: 0.5, 1: 0.7})
    assert comparison == {"difference": 0.5, "ci95": None, "seeds": [0], "left_out": 0}


def test_no_pair_gives_no_difference():
    assert compare({0: 1.0}, {1: 1.0}) == {"difference": None, "ci95": None, "seeds": [], "left_out": 0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_left_out_pairwise_and_counted(bad):
    comparison = compare({0: 1.0, 1: bad, 2: 3.0}, {0: 0.0, 1: 0.0, 2: bad})
    assert comparison == {"difference": 1.0, "ci95": None, "seeds": [0], "left_out": 2}
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


def test_headline_falls_back_to_all_scalars():
    assert summarise({"a": {0: Result(scalars={"x": 1.0, "y": 2.0})}}, "a")["headline"] == ["x", "y"]


@pytest.mark.parametrize("baseline", [None, "missing"])
def test_without_a_baseline_nothing_is_compared(baseline):
    assert summarise({"a": {0: make(0.5)}}, baseline)["comparisons"] == {}


def test_statistics_need_no_torch():
    code = "import sys, smoothkit.report.statistics, smoothkit.report.table; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
