"""Interquartile mean, probability of improvement and profiles: closed forms, and SciPy."""

import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics import (
    interquartile_mean,
    interquartile_mean_interval,
    performance_profile,
    probability_of_improvement,
    probability_of_improvement_interval,
    robust,
    stratified_interval,
)


def scores(entropy, runs=5, tasks=3, ties=False):
    values = np.random.default_rng(entropy).normal(size=(runs, tasks))
    return values.round() if ties else values


@given(st.integers(0, 1000), st.integers(1, 9))
def test_interquartile_mean_is_scipys_trimmed_mean(entropy, runs):
    sample = scores(entropy, runs)
    assert interquartile_mean(sample) == pytest.approx(scipy.stats.trim_mean(sample.ravel(), 0.25), abs=1e-12)


def test_an_outlier_does_not_move_it():
    sample = np.arange(12.0).reshape(4, 3)
    before = interquartile_mean(sample)
    sample[3, 2] = 1e9
    assert interquartile_mean(sample) == before == 5.5


@given(st.integers(0, 1000), st.booleans())
def test_probability_of_improvement_is_mann_and_whitneys(entropy, ties):
    first, second = scores(entropy, 4, ties=ties), scores(entropy + 1, 6, ties=ties)
    statistic = scipy.stats.mannwhitneyu(first, second, axis=0).statistic
    assert probability_of_improvement(first, second) == pytest.approx((statistic / 24).mean(), abs=1e-12)
    assert probability_of_improvement(second, first) == pytest.approx(
        1 - probability_of_improvement(first, second), abs=1e-12
    )


def test_probability_of_improvement_by_hand():
    # The first task is always won, the second has one win, one loss and two ties.
    first, second = np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([[0.0, 1.0], [0.5, 2.0]])
    assert probability_of_improvement(first, second) == (1 + 0.5) / 2


def test_runs_are_resampled_within_tasks():
    # All spread is between tasks, which are fixed: nothing is uncertain.
    sample = np.tile(np.array([[0.0, 1.0, 5.0, 9.0]]), (6, 1))
    interval = interquartile_mean_interval(sample, np.random.default_rng(0), 200)
    assert interval.low == interval.estimate == interval.high == 3.0


def test_runs_that_are_always_beaten_show_no_chance():
    interval = probability_of_improvement_interval(np.ones((6, 4)), np.zeros((6, 4)), np.random.default_rng(0), 50)
    assert interval.estimate == 1.0
    assert not interval.is_defined


def test_one_run_of_a_task_has_no_bounds():
    one, three, noise = np.array([[0.3, 0.7, 0.9, 0.2]]), scores(0, 3, 4), np.random.default_rng(0)
    intervals = [interquartile_mean_interval(one, noise, 20)]
    intervals += [
        probability_of_improvement_interval(*pair, noise, 20) for pair in ((one, three), (three, one), (one, one))
    ]
    assert intervals[0].estimate == pytest.approx(0.5)
    assert not any(interval.is_defined for interval in intervals)


def test_resamples_of_two_runs_are_known():
    # The mean of two draws from {0, 1} is 0, 1/2 or 1, with probability 1/4, 1/2 and 1/4.
    seen = []

    def mean(sample):
        means = sample.mean(axis=(1, 2))
        seen.extend(means)
        return means

    interval = stratified_interval(np.array([[0.0], [1.0]]), mean, np.random.default_rng(0), 4000)
    assert interval[:3] == (0.5, 0.0, 1.0)
    assert np.mean(np.array(seen) == 0) == pytest.approx(0.25, abs=0.03)
    assert np.mean(np.array(seen) == 0.5) == pytest.approx(0.5, abs=0.03)


def test_a_seed_gives_one_interval_and_chunks_change_nothing(monkeypatch):
    sample, other = scores(0, 8), scores(1, 6)
    found = [interquartile_mean_interval(sample, np.random.default_rng(3), 300) for _ in range(2)]
    monkeypatch.setattr(robust, "_CHUNK", 50)
    found.append(interquartile_mean_interval(sample, np.random.default_rng(3), 300))
    assert found[0] == found[1] == found[2]
    assert found[0] != interquartile_mean_interval(sample, np.random.default_rng(4), 300)
    pair = [probability_of_improvement_interval(sample, other, np.random.default_rng(3), 300) for _ in range(2)]
    assert pair[0] == pair[1]


def test_the_interval_of_an_improvement_is_that_of_drawn_runs():
    first, second = scores(0, 8), scores(1, 6)
    noise = np.random.default_rng(5)

    def drawn(sample):
        return np.take_along_axis(sample, noise.integers(len(sample), size=sample.shape), axis=0)

    plain = np.quantile([probability_of_improvement(drawn(first), drawn(second)) for _ in range(4000)], (0.025, 0.975))
    interval = probability_of_improvement_interval(first, second, np.random.default_rng(3), 4000)
    assert (interval.low, interval.high) == pytest.approx(tuple(plain), abs=0.02)


def test_two_thousand_resamples_of_fifty_scores_take_milliseconds():
    # rliable 1.2 needs 0.8 s of a quiet core for as many; the bound is far above what is needed and far below that.
    sample = scores(0, 10, 5)
    begun = time.process_time()
    for seed in range(5):
        interquartile_mean_interval(sample, np.random.default_rng(seed), 2000)
    assert (time.process_time() - begun) / 5 < 0.2


COVERAGE = {
    **{(3, 1): 0.74, (3, 3): 0.86, (3, 10): 0.86},
    **{(5, 1): 0.89, (5, 3): 0.91, (5, 10): 0.90},
    **{(10, 1): 0.93, (10, 3): 0.92, (10, 10): 0.93},
    **{(20, 1): 0.95, (20, 3): 0.94, (20, 10): 0.94},
}


def coverage(runs, tasks, trials):
    noise = np.random.default_rng(runs + tasks)
    return np.mean(
        [
            not interquartile_mean_interval(noise.normal(size=(runs, tasks)), noise, 200).excludes(0.0)
            for _ in range(trials)
        ]
    )


def test_an_interval_of_three_runs_covers_as_seldom_as_is_said():
    assert coverage(3, 1, 100) == pytest.approx(COVERAGE[3, 1], abs=0.13)


@pytest.mark.slow
@pytest.mark.parametrize(("runs", "tasks"), COVERAGE)
def test_coverage(runs, tasks):
    assert coverage(runs, tasks, 400) == pytest.approx(COVERAGE[runs, tasks], abs=0.06)


@given(st.integers(0, 1000))
def test_profile_falls_from_one_to_zero_and_its_area_is_the_mean(entropy):
    sample = np.random.default_rng(entropy).uniform(size=(4, 3))
    thresholds = np.linspace(0, 1, 20_001)
    profile = performance_profile(sample, thresholds)
    assert profile[0] == 1
    assert profile[-1] == 0
    assert (np.diff(profile) <= 0).all()
    assert np.trapezoid(profile, thresholds) == pytest.approx(sample.mean(), abs=1e-4)


@pytest.mark.parametrize("bad", [np.empty((0, 2)), np.array([[np.nan]]), np.array([[1.0], [np.inf]])])
def test_what_are_no_scores_is_refused(bad):
    with pytest.raises(ValueError, match="finite numbers of the shape"):
        interquartile_mean(bad)


def test_different_tasks_are_refused():
    with pytest.raises(ValueError, match="same tasks"):
        probability_of_improvement(np.zeros((2, 3)), np.zeros((2, 2)))
