"""Paired intervals and p-values, against SciPy's paired test, and their coverage."""

import math
import statistics

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics import deviation, paired_bootstrap_interval, paired_interval, paired_p_value

numbers = st.lists(st.integers(-1000, 1000).map(float), min_size=5, max_size=12)


def generator():
    return np.random.default_rng(0)


@given(st.integers(2, 12), st.integers(0, 1000))
def test_interval_and_p_value_are_those_of_scipys_paired_test(seeds, entropy):
    noise = np.random.default_rng(entropy)
    first, second = noise.normal(size=seeds), noise.normal(0.3, size=seeds)
    expected = scipy.stats.ttest_rel(first, second)
    bounds = expected.confidence_interval(0.95)
    differences = (first - second).tolist()
    interval = paired_interval(differences)
    assert (interval.low, interval.high) == pytest.approx((bounds.low, bounds.high), abs=1e-9)
    p_value = paired_p_value(differences)
    assert p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert (p_value < 0.05) == interval.excludes(0.0)


def test_interval_of_three_by_hand():
    # Mean 2, standard error 1 / sqrt(3), and the 97.5 % point of t with two degrees of freedom is 4.302653.
    interval = paired_interval([1.0, 2.0, 3.0])
    assert interval.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert interval.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)


def test_equal_differences_have_no_width_and_no_p_value():
    differences = [0.7 - 0.4, 0.8 - 0.5, 0.9 - 0.6]
    assert len(set(differences)) > 1  # rounding sets them apart
    assert deviation(differences) == 0
    interval = paired_interval(differences)
    assert interval.low == interval.high == pytest.approx(0.3)
    assert paired_p_value(differences) is None


@pytest.mark.parametrize("function", [deviation, paired_interval, paired_p_value])
def test_one_pair_is_refused(function):
    with pytest.raises(statistics.StatisticsError):
        function([1.0])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_too_few_pairs_are_not_resampled(count):
    assert paired_bootstrap_interval([float(number) for number in range(count)], generator()) is None


def test_bootstrap_of_mostly_equal_differences_has_no_bound():
    assert paired_bootstrap_interval([0.0, 0.0, 0.0, 0.0, 1.0], generator()) is None


def test_bootstrap_of_equal_differences_has_no_width():
    assert paired_bootstrap_interval([0.5] * 6, generator())[:3] == (0.5, 0.5, 0.5)


@given(numbers, st.sampled_from([1e-6, 0.5, 3.0]), st.integers(-100, 100))
def test_bootstrap_goes_along_with_unit_and_origin(differences, scale, shift):
    one = paired_bootstrap_interval(differences, generator())
    moved = paired_bootstrap_interval([scale * value + shift for value in differences], generator())
    if one is None or max(differences) - min(differences) < 1:
        return
    assert moved is not None
    expected = [scale * bound + shift for bound in one[:3]]
    assert moved[:3] == pytest.approx(expected, abs=1e-6 * max(scale * (one.high - one.low), 1e-3))


def test_bootstrap_turns_with_the_sign():
    differences = [0.1, 0.4, 0.2, 1.9, 0.3, 0.6]
    one = paired_bootstrap_interval(differences, generator(), resamples=20_000)
    mirrored = paired_bootstrap_interval([-value for value in differences], generator(), resamples=20_000)
    assert (-mirrored.high, -mirrored.low) == pytest.approx((one.low, one.high), rel=0.01)


def test_bootstrap_follows_the_skew():
    # One large difference to the right: the mean may well lie further right still, and hardly further left.
    interval = paired_bootstrap_interval([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 3.0], generator())
    assert interval.high - interval.estimate > 2 * (interval.estimate - interval.low)


def coverage(law, mean, pairs, trials):
    noise = np.random.default_rng(pairs)
    found = [paired_bootstrap_interval(law(noise, pairs).tolist(), noise) for _ in range(trials)]
    return np.mean([not interval.excludes(mean) for interval in found])


LAWS = {
    "normal": (lambda noise, pairs: noise.normal(size=pairs), 0.0, 0.93),
    "t of 3": (lambda noise, pairs: noise.standard_t(3, size=pairs), 0.0, 0.92),
    "exponential": (lambda noise, pairs: noise.exponential(size=pairs), 1.0, 0.90),
}


def test_bootstrap_covers_what_it_claims_for_normal_differences():
    law, mean, _ = LAWS["normal"]
    # 400 trials of a coin of 0.95: below 0.915 once in 2000 runs of another seed; this seed is fixed.
    assert coverage(law, mean, 10, 400) > 0.915


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [5, 10, 20])
@pytest.mark.parametrize("name", LAWS)
def test_bootstrap_coverage(name, pairs):
    law, mean, least = LAWS[name]
    assert coverage(law, mean, pairs, 4000) > least


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [3, 5, 10, 20])
def test_students_coverage(pairs):
    # With three pairs it is the only one of the two that has an interval, and for normal differences it is exact.
    noise = np.random.default_rng(pairs)
    hits = [not paired_interval(noise.normal(size=pairs).tolist()).excludes(0.0) for _ in range(4000)]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.012)
