"""Resampling: what the weights are, that sums and chunks change nothing, and both levels' spread."""

import math

import numpy as np
import pytest
import scipy.stats
from scipy.sparse import csr_array

from smoothkit.statistics import (
    bootstrap,
    crossed_mean_interval,
    function_of_sums,
    log_odds_interval,
    percentile_interval,
    recentred_interval,
    resampling,
    row_weights,
    two_level_bootstrap,
)


def generator(seed=0):
    return np.random.default_rng(seed)


def mean_of(values):
    columns = np.stack([np.ones_like(values), values], axis=1)
    return function_of_sums(columns, lambda sums: sums[:, 1] / sums[:, 0])


def test_every_resample_has_as_many_rows():
    weights = row_weights(7, 50, generator())
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()


def test_weights_are_multinomial():
    weights = row_weights(4, 40_000, generator())
    assert weights.mean(axis=0) == pytest.approx([1] * 4, abs=0.02)
    # Variance n p (1 - p) and covariance -n p p with n = 4 and p = 1/4.
    covariance = np.cov(weights.T)
    assert np.diag(covariance) == pytest.approx([0.75] * 4, abs=0.02)
    assert covariance[0, 1] == pytest.approx(-0.25, abs=0.02)


def test_chunks_change_nothing(monkeypatch):
    values = generator(1).normal(size=30)
    whole = bootstrap(mean_of(values), 30, generator(), 100)
    monkeypatch.setattr(resampling, "_CHUNK", 70)
    assert bootstrap(mean_of(values), 30, generator(), 100) == pytest.approx(whole, abs=1e-12)


def test_sparse_contributions_give_the_same_sums():
    columns = generator(1).normal(size=(20, 6)).clip(min=0)
    weights = row_weights(20, 10, generator())
    dense = function_of_sums(columns, lambda sums: sums.sum(axis=1))(weights)
    sparse = function_of_sums(csr_array(columns), lambda sums: sums.sum(axis=1))(weights)
    assert sparse == pytest.approx(dense, abs=1e-12)


def test_bootstrap_of_a_mean_has_the_spread_of_the_mean():
    values = generator(1).exponential(size=200)
    replicates = bootstrap(mean_of(values), 200, generator(), 4000)
    assert replicates.std() == pytest.approx(values.std() / math.sqrt(200), rel=0.05)
    expected = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, rng=generator(2)
    ).confidence_interval
    interval = percentile_interval(float(values.mean()), replicates)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_recentring_moves_the_bounds_and_keeps_their_distance():
    replicates = generator().normal(3.0, 1.0, size=1000)
    plain, moved = percentile_interval(0.0, replicates), recentred_interval(0.0, replicates)
    assert moved.high - moved.low == pytest.approx(plain.high - plain.low)
    assert moved.low == pytest.approx(plain.low - replicates.mean())


def test_log_odds_bounds_are_between_zero_and_one_and_mirror_with_the_measure():
    replicates = generator().beta(2, 30, size=2000)
    interval, mirrored = log_odds_interval(0.06, replicates), log_odds_interval(0.94, 1 - replicates)
    assert 0 < interval.low < 0.06 < interval.high < 1
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert not log_odds_interval(0.0, np.zeros(10)).is_defined


def test_one_seed_is_a_bootstrap_of_rows():
    values = generator(1).normal(size=50)
    one = two_level_bootstrap([mean_of(values)], 50, generator(), 100)
    assert (one == bootstrap(mean_of(values), 50, generator(), 100)).all()


def test_seeds_alone_give_students_interval():
    # Rows are all alike, so only seeds vary.
    levels = generator(1).normal(size=12)
    statistics = [mean_of(np.full(20, level)) for level in levels]
    interval = percentile_interval(float(levels.mean()), two_level_bootstrap(statistics, 20, generator(), 20_000))
    expected = scipy.stats.ttest_1samp(levels, 0).confidence_interval(0.95)
    assert interval.high - interval.low == pytest.approx(expected.high - expected.low, rel=0.06)


@pytest.mark.parametrize(
    ("levels", "share"), [((0.0, 1.0), 0.72), ((0.0, 0.5, 1.0), 1.08), ((0, 0.2, 0.7, 1, 0.4), 1.0)]
)
def test_few_seeds_alone_come_near_students_interval_from_three_on(levels, share):
    statistics = [mean_of(np.full(10, float(level))) for level in levels]
    interval = percentile_interval(np.mean(levels), two_level_bootstrap(statistics, 10, generator(), 20_000))
    expected = scipy.stats.ttest_1samp(levels, 0).confidence_interval(0.95)
    assert (interval.high - interval.low) / (expected.high - expected.low) == pytest.approx(share, abs=0.02)


def test_rows_are_drawn_once_for_all_seeds():
    # The same hard rows for every seed: more seeds do not make the mean any surer.
    values = generator(1).normal(size=100)
    spread = two_level_bootstrap([mean_of(values)] * 8, 100, generator(), 4000).std()
    assert spread == pytest.approx(values.std() / 10, rel=0.05)


def table(noise, seeds, rows, of_seed=0.0, of_row=0.0, rest=1.0):
    return (
        of_seed * noise.normal(size=(seeds, 1))
        + of_row * noise.normal(size=(1, rows))
        + rest * noise.normal(size=(seeds, rows))
    )


def test_crossed_interval_of_one_seed_or_one_row_is_students():
    values = generator().normal(size=9)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    for interval in (crossed_mean_interval(values[None]), crossed_mean_interval(values[:, None])):
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_crossed_interval_of_one_value_has_no_bounds():
    interval = crossed_mean_interval(np.array([[3.0]]))
    assert interval.estimate == 3.0
    assert not interval.is_defined
    assert not interval.excludes(0.0)


def test_crossed_interval_sees_what_either_level_sees():
    levels = generator().normal(size=5)
    by_seed = crossed_mean_interval(np.tile(levels[:, None], (1, 40)))
    expected = scipy.stats.ttest_1samp(levels, 0).confidence_interval(0.95)
    assert (by_seed.low, by_seed.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    by_row = crossed_mean_interval(np.tile(levels, (40, 1)))
    assert (by_row.low, by_row.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


PARTS = {"rows": (0.0, 1.0), "seeds": (1.0, 0.0), "both": (0.1, 1.0), "neither": (0.0, 0.0)}


def crossed_coverage(name, trials):
    noise = generator(len(name))
    of_seed, of_row = PARTS[name]
    return np.mean(
        [not crossed_mean_interval(table(noise, 5, 100, of_seed, of_row)).excludes(0.0) for _ in range(trials)]
    )


@pytest.mark.parametrize("name", PARTS)
def test_crossed_interval_covers_what_it_claims(name):
    assert crossed_coverage(name, 500) > 0.925


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_crossed_coverage(name):
    assert crossed_coverage(name, 10_000) > 0.94
