"""Means over seeds and rows: against tests of SciPy where only one level varies, and against simulation."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothkit.statistics import LEVEL, detectable_difference, student_interval
from smoothkit.statistics.crossed import CrossedMean, crossed_difference, crossed_mean, crossed_mean_interval

numbers = st.floats(-1e150, 1e150, allow_nan=False)
tables = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=numbers)
)
moderate = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-50, 50).map(float))
)


def generator(seed=0):
    return np.random.default_rng(seed)


@given(moderate)
def test_p_is_below_the_level_where_the_interval_excludes_0(values):
    mean = crossed_mean(values)
    if mean.interval.is_defined:
        assert (mean.p_value < LEVEL) == mean.interval.excludes(0.0)
    else:
        assert math.isnan(mean.p_value)


@given(moderate)
def test_the_interval_is_that_of_the_mean(values):
    mean = crossed_mean(values)
    expected = student_interval(values.mean(), mean.error, mean.freedom, mean.method)
    assert crossed_mean_interval(values) == pytest.approx(expected, nan_ok=True)


@given(tables)
def test_large_values_are_no_trouble(values):
    mean = crossed_mean(values)
    assert mean.error >= 0
    assert mean.freedom >= 0


@given(moderate, st.floats(1e-80, 1e80))
def test_the_unit_does_not_matter(values, unit):
    one, other = crossed_mean(values), crossed_mean(values * unit)
    assert other.error == pytest.approx(one.error * unit, rel=1e-6, abs=1e-12 * unit)
    if one.error > 0:
        assert other.freedom == pytest.approx(one.freedom, rel=1e-6)


def test_one_seed_is_welchs_test():
    first, second = generator().normal(size=30), generator(1).normal(0.3, 2.0, size=8)
    found = crossed_difference(first[None], second[None])
    expected = scipy.stats.ttest_ind(second, first, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.freedom == pytest.approx(expected.df)
    assert (found.interval.low, found.interval.high) == pytest.approx((bounds.low, bounds.high))


def test_seeds_alone_are_a_paired_test():
    first, second = generator().normal(size=(2, 6))
    found = crossed_difference(np.tile(first[:, None], 4), np.tile(second[:, None], 9))
    assert found.p_value == pytest.approx(scipy.stats.ttest_rel(second, first).pvalue, abs=1e-9)


def test_what_a_seed_does_to_both_tables_alike_does_not_matter():
    first, second = generator().normal(size=(5, 40)), generator(1).normal(size=(5, 20))
    levels = 10 * generator(2).normal(size=(5, 1))
    plain, moved = crossed_difference(first, second), crossed_difference(first + levels, second + levels)
    assert moved[:3] == pytest.approx(plain[:3])


@given(moderate)
def test_a_table_against_zeros_of_as_many_rows_is_the_table(values):
    found, expected = crossed_difference(np.zeros_like(values), values), crossed_mean(values)
    assert found.estimate == pytest.approx(expected.estimate)
    assert found.error == pytest.approx(expected.error)


def test_swapping_the_tables_turns_the_sign():
    first, second = generator().normal(size=(3, 10)), generator(1).normal(size=(3, 4))
    one, other = crossed_difference(first, second, (0.0, 2.0)), crossed_difference(second, first, (2.0, 0.0))
    assert other == pytest.approx((-one.estimate, *one[1:3], one.method), abs=1e-12)


def test_rows_vary_by_what_they_are_known_to_vary_by_at_least():
    alike = np.full((3, 25), 0.5)
    assert crossed_mean(alike).error == 0
    assert crossed_mean(alike, 0.25).error == pytest.approx(0.1)
    assert crossed_difference(alike, alike, (0.25, 0.75)).error == pytest.approx(0.2)
    loud = generator().normal(0, 3, size=(3, 25))
    assert crossed_mean(loud, 1e-6) == crossed_mean(loud)


@pytest.mark.parametrize("pairs", [2, 3, 5, 30])
@pytest.mark.parametrize("level", [0.05, 0.05 / 45])
def test_what_seeds_alone_detect_is_that_of_the_paired_t_test(pairs, level):
    found = CrossedMean(0.0, 2 / math.sqrt(pairs), pairs - 1.0, "by hand").detectable(level)
    assert found == pytest.approx(detectable_difference(2.0, pairs, level), rel=1e-4)


def test_without_a_degree_of_freedom_nothing_is_known():
    mean = crossed_mean(np.array([[3.0]]))
    assert mean.estimate == 3.0
    assert not mean.interval.is_defined
    assert math.isnan(mean.p_value)
    assert math.isnan(mean.detectable())


def simulated_rate(of_seed, of_row, trials):
    """The share of studies without a difference whose test says there is one: 4 seeds, 60 and 15 rows."""
    noise = generator(int(10 * of_row))

    def table(rows, levels):
        return levels + of_row * noise.normal(size=(1, rows)) + noise.normal(size=(4, rows))

    def p_value():
        levels = of_seed * noise.normal(size=(2, 4, 1))
        return crossed_difference(table(60, levels[0]), table(15, levels[1])).p_value

    return np.mean([p_value() < LEVEL for _ in range(trials)])


@pytest.mark.parametrize(("of_seed", "of_row"), [(0.0, 1.0), (0.5, 0.0), (0.2, 0.5), (0.0, 0.0)])
def test_differences_that_are_not_there_are_found_as_often_as_promised(of_seed, of_row):
    assert simulated_rate(of_seed, of_row, 1000) < 0.07
