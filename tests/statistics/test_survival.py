"""Kaplan and Meier's estimate: SciPy's, by hand, and what censoring must not do."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics import kaplan_meier

RUNS = st.lists(st.tuples(st.integers(0, 8).map(float), st.booleans()), min_size=1, max_size=12)


def arrays(runs):
    return np.array([time for time, _ in runs]), np.array([reached for _, reached in runs])


def by_scipy(times, reached):
    found = scipy.stats.ecdf(scipy.stats.CensoredData.right_censored(times, ~reached)).sf
    inner = np.isin(found.quantiles, times[reached])
    bounds = found.confidence_interval(method="log-log")
    return [
        part[inner]
        for part in (found.quantiles, found.probabilities, bounds.low.probabilities, bounds.high.probabilities)
    ]


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(RUNS.filter(lambda runs: any(reached for _, reached in runs)))
def test_it_is_scipys(runs):
    times, reached = arrays(runs)
    expected = by_scipy(times, reached)
    curve = kaplan_meier(times, reached)
    assert curve.times.tolist() == expected[0].tolist()
    assert curve.remaining == pytest.approx(expected[1], abs=1e-12)
    defined = curve.remaining > 0
    assert curve.low[defined] == pytest.approx(expected[2][defined], abs=1e-9)
    assert curve.high[defined] == pytest.approx(expected[3][defined], abs=1e-9)


@given(RUNS)
def test_it_falls_within_its_bounds(runs):
    curve = kaplan_meier(*arrays(runs))
    assert (np.diff(curve.remaining) < 0).all()
    assert (curve.low >= 0).all()
    assert (curve.low <= curve.remaining + 1e-12).all()
    assert (curve.remaining <= curve.high + 1e-12).all()
    assert (curve.high <= 1).all()
    interval = curve.quantile()
    assert interval.low <= interval.estimate <= interval.high


@given(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12), st.floats(0.05, 0.95))
def test_without_censoring_it_is_the_share_that_takes_longer(times, share):
    values = np.array(times)
    curve = kaplan_meier(values, np.ones(len(values), dtype=bool))
    assert curve.remaining == pytest.approx([(values > time).mean() for time in curve.times], abs=1e-12)
    assert curve.quantile(share).estimate == np.quantile(values, share, method="inverted_cdf")
    assert curve.mean_until(10.0) == pytest.approx(values.mean(), abs=1e-9)


def test_by_hand():
    # Of 5 one gets there at 1; one is lost at 2; of the 3 left one at 3; one is lost at 3; the last one at 6.
    curve = kaplan_meier(np.array([1.0, 2.0, 3.0, 3.0, 6.0]), np.array([True, False, True, False, True]))
    assert curve.at_risk.tolist() == [5, 3, 1]
    assert curve.remaining == pytest.approx([4 / 5, 4 / 5 * 2 / 3, 0.0])
    assert curve.quantile().estimate == 6.0
    assert curve.mean_until(4.0) == pytest.approx(1 + 2 * 4 / 5 + 8 / 15)


def test_whoever_is_censored_is_not_taken_for_fast():
    times = np.array([1.0, 2.0, 3.0] + [10.0] * 7)
    reached = times < 10
    curve = kaplan_meier(times, reached)
    assert curve.remaining[-1] == pytest.approx(0.7)
    assert curve.quantile(0.3).estimate == 3.0
    assert curve.quantile() == (math.inf, 1.0, math.inf, "Kaplan and Meier")
    assert curve.mean_until(10.0) == pytest.approx(times.mean())


def test_where_all_get_there_at_once_the_bound_is_that_of_none_seen():
    # Of 20, none left: Clopper and Pearson's upper bound of a share of 0.
    curve = kaplan_meier(np.full(20, 5.0), np.ones(20, dtype=bool))
    exact = scipy.stats.binomtest(0, 20).proportion_ci().high
    assert (curve.low.tolist(), curve.high) == ([0.0], pytest.approx([exact]))
    assert curve.quantile()[:3] == (5.0, 5.0, 5.0)
    # A single run bounds nothing.
    assert kaplan_meier(np.array([5.0]), np.array([True])).quantile().high == math.inf


def test_nobody_gets_there():
    curve = kaplan_meier(np.full(4, 7.0), np.zeros(4, dtype=bool))
    assert curve.times.size == 0
    assert curve.quantile()[:3] == (math.inf, math.inf, math.inf)
    assert curve.mean_until(7.0) == 7.0


def test_the_interval_of_a_median_covers_as_often_as_it_says():
    noise = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        times = noise.exponential(size=30)
        interval = kaplan_meier(np.minimum(times, 1.2), times < 1.2).quantile()
        inside += interval.low <= math.log(2) <= interval.high
    # The standard error of a share of 95 % of 300 is 1.3 points.
    assert inside / 300 == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize(
    ("times", "reached"),
    [([], []), ([1.0], [True, False]), ([math.nan], [True]), ([math.inf], [False]), ([-1.0], [True])],
)
def test_what_are_no_times_is_refused(times, reached):
    with pytest.raises(ValueError, match="finite times from 0 up"):
        kaplan_meier(np.array(times, dtype=np.float64), np.array(reached, dtype=bool))


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_a_quantile_lies_between(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        kaplan_meier(np.array([1.0]), np.array([True])).quantile(share)


def test_a_mean_needs_an_end():
    with pytest.raises(ValueError, match="above 0, got 0"):
        kaplan_meier(np.array([1.0]), np.array([True])).mean_until(0.0)
